# The layers of the base are what they were, byte for byte.
digests() { "$FLATTEN" --manifest "$1" | sed -n '/"layers"/,$s/.*"digest": //p'; }
[ "$(digests "$BASES/base")" = "$(digests "$IMAGE" | sed -n 1p)" ]
[ "$(digests "$IMAGE" | wc -l)" = 2 ]
