# The shell and tools of busybox, some users; its configuration is empty.
sh "$BUSYBOX" root
"$MKIMAGE" busybox --owner 0 --tree root
