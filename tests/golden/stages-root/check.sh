python3 "$FLATTEN" --only type "$IMAGE" >all
! grep -E '^\./(mnt/)?(proc|sys|dev|etc/(hosts|resolv.conf)) ' all
grep '^./mnt/bin/busybox type=file' all
grep '^./mnt/made type=file' all
