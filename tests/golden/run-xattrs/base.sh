cap='xattr.security.capability="\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"'
cat >"$PWD.list" <<EOF
./d type=dir
./d/cap type=file mode=0755 data="cap" $cap
./d/moved type=file mode=0755 data="moved" $cap
./d/written type=file mode=0755 data="written" $cap
./d/chowned type=file mode=0755 data="chowned" $cap
./d/noted type=file data="noted" xattr.user.note="a \x00 b"
./noted type=dir xattr.user.note="dir"
./d/linked type=file mode=0755 data="linked" $cap
EOF
sh "$BUSYBOX" "$PWD.root"
"$MKIMAGE" base --owner 0 --tree "$PWD.root" --list "$PWD.list"
