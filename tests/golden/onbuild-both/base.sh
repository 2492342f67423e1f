"$MKIMAGE" base --env WHAT=it --onbuild 'COPY a /from-image' --onbuild 'ENV SEEN=$WHAT' --list - <<EOF
./x type=fifo mode=0600
EOF
