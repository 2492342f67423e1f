sh "$BUSYBOX" "$PWD.root"
cat >"$PWD.root/bin/args" <<'X'
#!/bin/sh
for a; do echo "<$a>"; done
X
chmod 755 "$PWD.root/bin/args"
"$MKIMAGE" base --owner 0 --tree "$PWD.root"
