sh "$BUSYBOX" "$PWD.root"
"$MKIMAGE" base --owner 0 --tree "$PWD.root"
