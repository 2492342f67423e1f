sh "$BUSYBOX" "$PWD.root"
echo 'extra:x:1234:77:extra:/srv/extra:/bin/sh' >>"$PWD.root/etc/passwd"
"$MKIMAGE" base --owner 0 --tree "$PWD.root" --env PATH=/bin
