mkdir -p t/d
echo f >t/d/f && chmod 4640 t/d/f
chmod 2755 t/d
ln t/d/f t/d/g
ln -s d/f t/l
pack() { tar -C t --sort=name --owner=99 --group=98 --mtime=@1500000000 --numeric-owner -c "$@" d l; }
pack >t.tar
gzip -n -c t.tar >t.tar.gz
bzip2 -c t.tar >t.tar.bz2
xz -c t.tar >t.tar.xz
zstd -q -c t.tar >t.tar.zst
cp t.tar.xz disguised
echo text | gzip -n >text.gz
: >empty.tar
rm -rf t t.tar
