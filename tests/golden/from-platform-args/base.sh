arch=$(python3 -c 'import sys; sys.path.insert(0, sys.argv[1].rpartition("/")[0]); import mkimage; print(mkimage.host_arch())' "$MKIMAGE")
echo './from type=file data="base"' >"$PWD.list"
"$MKIMAGE" "base-linux-$arch" --list "$PWD.list"
