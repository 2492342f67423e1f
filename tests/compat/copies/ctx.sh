mkdir -p src/sub/deep src/empty etc ignored/sub
echo one >src/one && echo two >src/two.txt && echo deep >src/sub/deep/f && echo x >src/sub/x.txt
ln -s one src/link && ln -s sub src/dirlink
chmod 600 src/one && chmod 755 src/two.txt && chmod 700 src/sub
echo secret >ignored/secret && echo shown >ignored/sub/shown && echo log >src/debug.log
printf '**/*.log\nignored/*\n!ignored/sub\n' >.dockerignore
tar --owner=5 --group=6 --numeric-owner --sort=name --mtime=@1500000000 -C src -cf t.tar one sub && gzip -nk t.tar && xz -k t.tar && bzip2 -k t.tar
echo conf >etc/conf
find . -exec touch -h -d @1600000000 {} +
