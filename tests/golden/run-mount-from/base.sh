sh "$BUSYBOX" "$PWD.root"
"$MKIMAGE" base --owner 0 --tree "$PWD.root"
mkdir -p "$PWD.other/etc" && echo other >"$PWD.other/etc/name"
"$MKIMAGE" other --owner 0 --tree "$PWD.other"
