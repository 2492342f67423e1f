"$FLATTEN" --manifest "$IMAGE" | grep -q '"layers": \[\]'
