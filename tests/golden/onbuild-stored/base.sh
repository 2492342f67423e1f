"$MKIMAGE" base --onbuild 'LABEL fired=1' --list /dev/null
