"$MKIMAGE" base --env A=1 --env B=2 --cmd '["c"]' --entrypoint '["e"]' --workdir /w --user u:g --label k=v --expose 1/tcp \
    --volume /v --stop-signal 9 --shell '["/s"]' --healthcheck '{"Test":["NONE"]}' --author me --list - <<EOF
./x type=fifo
EOF
