cap='xattr.security.capability="\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"'
echo "./from-base type=file mode=0755 mtime=1000000000 data=\"c\" $cap" >"$PWD.list"
sh "$BUSYBOX" "$PWD.root"
"$MKIMAGE" base --owner 0 --tree "$PWD.root" --list "$PWD.list"
