# Markers in every position: before and after what the same layer holds, below a link, for what was never there.
mkdir "$PWD.lists"
cd "$PWD.lists"
cat >one <<EOF
./d type=dir
./d/x type=file data="x"
./d/sub type=dir
./d/sub/y type=file data="y"
./e type=dir
./e/f type=file data="f"
./g type=file data="g"
./h type=dir
./h/deep type=dir
./h/deep/z type=file data="z"
./i type=link target="d"
EOF
cat >two <<EOF
./d type=dir
./d/new type=file data="new"
./d/.wh..wh..opq type=opaque
./.wh.e type=whiteout
./.wh.g type=whiteout
./.wh.never type=whiteout
./d/more type=file data="more"
EOF
cat >three <<EOF
./.wh.h type=whiteout
./e type=dir
./e/again type=file data="again"
./i/.wh.more type=whiteout
EOF
"$MKIMAGE" ../bases/base --list one --compress zstd --list two --compress none --list three
