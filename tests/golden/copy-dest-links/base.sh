"$MKIMAGE" base --list - <<EOF
./real type=dir mode=0700
./dangling type=link target="nowhere"
./dangling2 type=link target="/real/zz"
./up type=link target="../../../outside"
./to-dir type=link target="real"
EOF
