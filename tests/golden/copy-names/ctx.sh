echo a >a
echo b >b && chmod 600 b
mkdir -p d/sub && chmod 711 d && chmod 700 d/sub
echo f >d/sub/f
