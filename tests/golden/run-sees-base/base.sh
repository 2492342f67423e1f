cap='xattr.security.capability="\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"'
cat >"$PWD.one" <<EOF
./b type=dir mode=2750 uid=3 gid=4 mtime=1111111111
./b/f type=file mode=6755 uid=5 gid=6 mtime=1222222222.123456789 data="f"
./b/hard type=hardlink target="b/f"
./b/link type=link uid=7 gid=8 mtime=1333333333 target="f"
./b/pipe type=fifo mode=0620 uid=9 gid=10 mtime=1444444444
./b/null type=char mode=0666 uid=0 gid=5 mtime=1444444445 device=1,3
./b/disk type=block mode=0660 uid=0 gid=6 mtime=1444444446 device=7,200
./b/cap type=file mode=0755 uid=0 gid=0 mtime=1444444447 data="cap" $cap
./b/big type=file uid=3000000 gid=4000000 data="big ids"
./hidden type=dir mtime=1555555555
./hidden/below type=file data="must not come back"
./gone type=dir
./gone/below type=file data="must not come back"
./was-dir type=dir
./was-dir/below type=file data="must not come back"
./was-file type=file data="file"
EOF
cat >"$PWD.two" <<EOF
./hidden type=dir mtime=1555555556
./hidden/.wh..wh..opq type=opaque
./hidden/new type=file data="new"
./.wh.gone type=whiteout
./was-dir type=link target="hidden"
./was-file type=dir
./was-file/in type=file data="in"
EOF
sh "$BUSYBOX" "$PWD.root"
"$MKIMAGE" base --owner 0 --tree "$PWD.root" --list "$PWD.one" --compress zstd --list "$PWD.two"
