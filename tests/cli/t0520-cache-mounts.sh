#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a RUN sees through its mounts is in its key, what it does not see is not; kiln prune.
. "$(dirname "$0")/../lib/lab.sh"

export KILN_DIR=$LAB/kiln
mkdir -p "$LAB/ctx/d"
echo x >"$LAB/ctx/d/x"
echo unseen >"$LAB/ctx/y"
echo secret >"$LAB/secret"
cat >"$LAB/ctx/Dockerfile" <<'EOT'
FROM base AS build
RUN echo built > /out
FROM base
RUN --mount=type=cache,target=/c ls /c > /two; date +%N > /c/f
RUN --mount=type=secret,id=s cat /run/secrets/s > /dev/null
RUN --mount=type=bind,source=d,target=/d cat /d/* > /one
RUN --mount=type=bind,from=build,source=/out,target=/o cat /o > /three
EOT
lab_base_busybox "$LAB/busybox"
build() {
    "$KILN" build --build-context "base=oci-layout://$LAB/busybox" --cache --digest-file "$LAB/digest" -o "type=oci,dest=$LAB/out" \
        --secret "id=s,src=$LAB/secret" "$@" "$LAB/ctx"
}
steps() { sed -n 's/^\[\(.*\)\/[0-9]\] \(done\|cached\).*/\1 \2/p' <<<"$output" | tr '\n' ',' | sed 's/stage-1 //g'; }

ok "a build with mounts" build
is "makes everything" "$(steps)" "build 1 done,1 done,2 done,3 done,4 done,"
first=$(cat "$LAB/digest")
echo "another secret" >"$LAB/secret"
echo changed >"$LAB/ctx/y"
touch -d 2001-01-01 "$LAB/ctx/d" "$LAB/ctx/d/x"
ok "another secret, other times, what no mount shows, what a cache holds" build
is "change nothing" "$(steps)" "1 cached,2 cached,3 cached,4 cached,"
is "and the image is the same" "$(cat "$LAB/digest")" "$first"
echo z >"$LAB/ctx/d/z"
ok "a file more below the source of a bind mount" build
is "is seen by that step" "$(steps)" "build 1 cached,1 cached,2 cached,3 done,4 done,"
sed -i 's/echo built/echo built again/' "$LAB/ctx/Dockerfile"
ok "a stage that is mounted" build
is "is seen by the step that mounts it" "$(steps)" "build 1 done,1 cached,2 cached,3 cached,4 done,"
sed -i 's/id=s /id=s,target=\/s /; s/\/run\/secrets\/s/\/s/' "$LAB/ctx/Dockerfile"
ok "a secret in another place" build
is "is seen; but since the layer comes out the same, what follows is found" "$(steps)" "build 1 cached,1 cached,2 done,3 cached,4 cached,"

# ---- pruning

used() { find "$KILN_DIR/store/blobs" -type f | wc -l; }
ok "nothing is old" "$KILN" prune --unused 1h
like "and nothing goes" "$output" 'removed 0 B: 0 cache entries, 0 blobs'
ok "the build" build
is "finds everything after that" "$(steps)" "1 cached,2 cached,3 cached,4 cached,"
find "$KILN_DIR/cache" -type f -exec touch -d '2 hours ago' {} +
find "$KILN_DIR/store/blobs" -type f -exec touch -d '2 hours ago' {} +
ok "what is used" build
ok "stays" "$KILN" prune --unused 1h
ok "so that the build" build
is "finds it still" "$(steps)" "1 cached,2 cached,3 cached,4 cached,"
head -c 3000000 /dev/zero >"$KILN_DIR/digests"
ok "what is known of files" "$KILN" prune --keep-size 1GB
like "counts" "$output" '([3-9]|[1-9][0-9])\.[0-9]+ MB are left'
ok "stays while it is new" "$KILN" prune --unused 1h
is "as long as that" "$(stat -c %s "$KILN_DIR/digests")" 3000000
touch -d '2 hours ago' "$KILN_DIR/digests"
mkdir -p "$KILN_DIR/store/tmp/spool.killed"
touch "$KILN_DIR/store/tmp/spool.killed/x" "$KILN_DIR/cache/.$(printf %064d 7).0123456789abcdef" "$KILN_DIR/cache/.theirs" \
    "$KILN_DIR/.digests.0123456789abcdef"
ok "is old one day" "$KILN" prune --unused 1h
ok "and goes" test ! -e "$KILN_DIR/digests"
is "with what killed builds have left" "$(find "$KILN_DIR" -name 'spool.*' -o -name '.[0-9]*' -o -name '.digests*')" ""
ok "but nothing else" rm "$KILN_DIR/cache/.theirs"
head -c 3000000 /dev/zero >"$KILN_DIR/digests"
ok "everything goes" "$KILN" prune
is "all entries" "$(find "$KILN_DIR/cache" -type f | wc -l)" 0
is "and all blobs, where no image is kept" "$(used)" 0
is "and all that was made for mounts" "$(ls -A "$KILN_DIR/cache-mounts")" ""
ok "and what is known of files" test ! -e "$KILN_DIR/digests"
ok "and the next build" build
is "makes it again" "$(steps)" "build 1 done,1 done,2 done,3 done,4 done,"
fails "a size that is none" 1 "$KILN" prune --keep-size 3x
finish
