[ "$(python3 "$FLATTEN" --manifest "$IMAGE" | grep -c '"mediaType": ".*layer')" = 1 ]
[ "$(python3 "$FLATTEN" --history "$IMAGE" | wc -l)" = 26 ]
[ "$(python3 "$FLATTEN" --history "$IMAGE" | grep -c '^+')" = 1 ]
