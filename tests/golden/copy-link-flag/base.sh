"$MKIMAGE" base --list - <<EOF
./run type=dir mode=0700
./tmp type=dir mode=1777
./var type=dir mode=0750 uid=3 gid=4
./var/run type=link target="/run"
EOF
