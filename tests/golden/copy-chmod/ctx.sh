echo a >a
echo x >x && chmod 755 x
mkdir -p d/sub && chmod 711 d && chmod 700 d/sub
echo f >d/sub/f && chmod 604 d/sub/f
ln -s f d/sub/l
