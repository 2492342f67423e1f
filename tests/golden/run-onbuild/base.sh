sh "$BUSYBOX" "$PWD.root"
"$MKIMAGE" base --owner 0 --tree "$PWD.root" --onbuild 'RUN echo "$WHO" >/from-trigger' --onbuild 'COPY f /copied' --onbuild 'USER 1000'
