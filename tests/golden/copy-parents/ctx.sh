mkdir -p x/y/z x/w x/v
chmod 700 x/y
echo t >x/top.txt
echo f >x/y/z/f.txt
echo g >x/w/g.md
echo k >x/v/k.md
