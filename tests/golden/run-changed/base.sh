cat >"$PWD.list" <<EOF
./d type=dir mode=0755
./d/f type=file mode=0644 mtime=1000000000 data="0123456789"
./d/same type=file mode=0644 mtime=1000000000 data="same"
./d/mode type=file mode=0644 mtime=1000000000 data="m"
./d/owner type=file mode=0644 mtime=1000000000 data="o"
./d/group type=file mode=0644 mtime=1000000000 data="g"
./d/time type=file mode=0644 mtime=1000000000 data="t"
./d/read type=file mode=0644 mtime=1000000000 data="r"
./d/link type=link target="f"
./d/one type=file mode=0644 mtime=1000000000 data="1"
./d/two type=hardlink target="d/one"
./dirmode type=dir mode=0755 mtime=1000000000
./dirmode/inside type=file data="i"
./dirowner type=dir mode=0755 mtime=1000000000
./dirowner/inside type=file data="i"
./busy type=dir mode=0755 mtime=1000000000
./busy/inside type=file data="i"
EOF
sh "$BUSYBOX" "$PWD.root"
"$MKIMAGE" base --owner 0 --tree "$PWD.root" --list "$PWD.list"
