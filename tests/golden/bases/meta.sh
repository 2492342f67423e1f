# A base with every member of the configuration, and one file.
echo './etc/meta type=file data="meta\n"' | sed 'i ./etc type=dir' | "$MKIMAGE" meta --list - --env A=base --env PATH=/base/bin --cmd '["cmd", "arg"]' \
    --entrypoint '["entry"]' --user daemon --workdir /srv/work --label label=base --label other=base --expose 80/tcp --volume /data \
    --stop-signal SIGINT --shell '["/base/sh", "-c"]' --healthcheck '{"Test": ["CMD", "check"], "Interval": 1000000000}' --author base
