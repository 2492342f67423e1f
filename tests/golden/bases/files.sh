# A base of files and links, with users; nothing in it can run.
"$MKIMAGE" files --list - <<'LIST'
./dangling type=link target="nowhere/at/all"
./dir type=dir mode=0750 uid=7 gid=8
./dir/old type=file mode=0600 uid=7 gid=8 data="old\n"
./dir/hard type=hardlink target="dir/old"
./dir/sub type=dir mode=0700 uid=7 gid=8
./dir/sub/f type=file mode=0640 uid=7 gid=8 data="f\n"
./etc type=dir
./etc/group type=file data="root:x:0:\ndaemon:x:1:\nadm:x:4:user\nuser:x:1000:\n"
./etc/passwd type=file data="root:x:0:0::/root:\ndaemon:x:1:1::/:\nuser:x:1000:1000::/:\n"
./file type=file mode=0644 uid=7 gid=8 data="file\n"
./filelink type=link target="file"
./link type=link target="/dir"
./tmp type=dir mode=1777
./up type=link target="../../../dir"
LIST
