echo a >a
mkdir d in
echo f >d/f
ln -s a la
ln -s d ld
ln -s /d top
ln -s ../a in/l
