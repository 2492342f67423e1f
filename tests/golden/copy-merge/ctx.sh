mkdir -p src/sub
chmod 750 src/sub
echo new >src/f
echo new >src/sub/new
