"$MKIMAGE" base --media-type docker --list - <<EOF
./x type=file data="x\n"
EOF
