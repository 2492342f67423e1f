# A base with triggers.
echo './t type=file data="t"' | "$MKIMAGE" triggers --list - --env WHAT=it --onbuild 'COPY a /triggered' --onbuild 'LABEL fired=$WHAT'
