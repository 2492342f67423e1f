# Of the final file system only what the case is about.
python3 "$FLATTEN" --only type "$IMAGE" >all
! grep -E '^\./(d|d/.*|l2|\.hidden|e/.+|again/(old|kept)|tmp/.+|moved/(a|sub.*)) ' all
