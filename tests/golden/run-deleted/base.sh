cat >"$PWD.list" <<EOF
./d type=dir
./d/a type=file data="a"
./d/b type=file data="b"
./d/sub type=dir
./d/sub/deep type=dir
./d/sub/deep/f type=file data="f"
./e type=dir
./e/one type=file data="1"
./e/two type=file data="2"
./again type=dir mode=0755
./again/old type=file data="old"
./again/kept type=file data="kept"
./file-dir type=file data="file"
./dir-file type=dir
./dir-file/x type=file data="x"
./link-dir type=link target="d"
./dir-link type=dir
./dir-link/x type=file data="x"
./file-link type=file data="file"
./link-file type=link target="file-link"
./fifo-file type=fifo
./retarget type=link target="d/a"
./l1 type=file data="linked"
./l2 type=hardlink target="l1"
./l3 type=hardlink target="l1"
./.hidden type=file data="h"
EOF
sh "$BUSYBOX" "$PWD.root"
"$MKIMAGE" base --owner 0 --tree "$PWD.root" --list "$PWD.list"
