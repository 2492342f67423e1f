"$MKIMAGE" base --list - <<EOF
./etc type=dir
./etc/passwd type=file data="root:x:0:0::/:/bin/sh\ndaemon:x:1:1::/:\nother:x:50:60::/:\n"
./etc/group type=file data="root:x:0:\ndaemon:x:1:\nstaff:x:70:other\n"
EOF
