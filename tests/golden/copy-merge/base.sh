"$MKIMAGE" base --list - <<EOF
./etc type=dir mode=0700 uid=5 gid=6
./etc/f type=file mode=0600 uid=5 gid=6 data="old\n"
./etc/sub type=dir mode=0711 uid=7 gid=8
./etc/sub/keep type=file data="keep\n"
./h type=hardlink target="etc/f"
EOF
