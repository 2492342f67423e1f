#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whatever goes wrong with a cache, the image is the one that is built without: a registry that is not there, that dies, that refuses, a
# full disk, kiln killed while it writes, damage. And the next build is right, and takes nothing that is broken.
. "$(dirname "$0")/../lib/lab.sh"

lab_need docker-registry skopeo jq || skip_all "$lab_reason"
[ "$(id -u)" = 0 ] || skip_all "needs root"
export SOURCE_DATE_EPOCH=1700000000 DOCKER_CONFIG=$LAB/docker
mkdir -p "$DOCKER_CONFIG" "$LAB/ctx"
lab_base_busybox "$LAB/busybox"
head -c 700000 /dev/urandom >"$LAB/ctx/random"
cat >"$LAB/ctx/Dockerfile" <<'D'
FROM base AS one
COPY random /r
RUN --mount=type=cache,id=m,target=/c { cat /r; echo 1; } | tee /one >/c/kept
RUN { cat /r; echo 2; } >/two
FROM base
COPY --from=one /one /two /
RUN { cat /one /two; } >/three
COPY random /last
RUN rm /one && sleep 0.1
D
steps=7

# build [OPTION...]: in a kiln directory of its own; the image's digest is in $LAB/digest, what kiln said in $LAB/said
build() {
    local status=0
    rm -rf "$LAB/kiln" "$LAB/digest" "$LAB/out"
    "$KILN" build --kiln-dir "$LAB/kiln" --build-context "base=oci-layout://$LAB/busybox" --digest-file "$LAB/digest" \
        -o "type=oci,dest=$LAB/out" --explain-cache "$@" "$LAB/ctx" >"$LAB/said" 2>&1 || status=$?
    cat "$LAB/said"
    return "$status"
}
digest() { cat "$LAB/digest"; }
hits() { grep -c '^\[.*\] hit ' "$LAB/said" || true; }
warnings() { grep -c '^kiln: warning' "$LAB/said" || true; }
# sound DIR: every blob of a layout is what its name says, nothing is temporary, every entry has what it names
sound() {
    (cd "$1/blobs/sha256" && for b in *; do sha256sum --quiet -c <<<"$b  $b" || exit 1; done) &&
        [ -z "$(find "$1/tmp" -mindepth 1 2>/dev/null)" ] &&
        jq -r '.manifests[].digest' "$1/index.json" | sed 's/sha256://' | while read -r m; do
            for b in "$m" $(jq -r '(.config, .layers[]) | .digest | sub("sha256:"; "")' "$1/blobs/sha256/$m"); do
                [ -e "$1/blobs/sha256/$b" ] || { echo "$m names $b, which is not there"; exit 1; }
            done
        done
}

build >/dev/null || { cat "$LAB/said"; exit 1; }
want=$(digest)

# same NAME [OPTION...]: the build succeeds with the image that it must give
same() {
    local name=$1
    shift
    ok "$name: the build succeeds" build "$@"
    is "$name: the same image" "$(digest)" "$want"
}
# mended NAME [OPTION...]: the next build is right, the one after it finds everything, without a warning
mended() {
    local name=$1
    shift
    same "$name, the next build" "$@"
    same "$name, the one after it" "$@"
    is "$name, the one after it: takes all" "$(hits) hits, $(warnings) warnings" "$steps hits, 0 warnings"
}

# ---- a registry that is not there, dies, or refuses

same "no registry" --cache --cache-repo 127.0.0.1:1/c --cache-mounts
like "no registry: a warning" "$output" 'warning: the cache .* cannot be read, going on without it'

lab_registry_start || exit 1
cached=(--cache --cache-repo "$LAB_REGISTRY/c" --cache-mounts)
build "${cached[@]}" >/dev/null 2>&1 &
builder=$!
until grep -q '"PUT /v2/c/blobs/.* 201 ' "$LAB_REGISTRY_LOG" || ! kill -0 "$builder" 2>/dev/null; do sleep 0.01; done
kill -KILL "$LAB_REGISTRY_PID"
lab_registry_stop
wait "$builder"
is "a registry that dies while entries are written: the build succeeds" $? 0
is "and gives the same image" "$(digest)" "$want"
like "with a warning" "$(cat "$LAB/said")" 'warning: .*cache'
dir=$(dirname "$LAB_REGISTRY_LOG")
LAB_REGISTRY_LOG=$dir/log.again
OTEL_TRACES_EXPORTER=none docker-registry serve "$dir/registry.yml" >"$LAB_REGISTRY_LOG" 2>&1 &
LAB_REGISTRY_PID=$!
lab_pids+=("$LAB_REGISTRY_PID")
lab_registry_wait
cached=(--cache --cache-repo "$LAB_REGISTRY/c" --cache-mounts)
mended "when it is there again" "${cached[@]}"

# registry.py with the members of a script: sets R
misbehaving() {
    [ -z "${odd_pid:-}" ] || lab_stop "$odd_pid"
    rm -f "$LAB/port" "$LAB/odd-log"
    tail -f /dev/null | python3 "$lab_lib/registry.py" --log "$LAB/odd-log" --script "{$1}" >"$LAB/port" 2>"$LAB/registry-errors" &
    odd_pid=$!
    lab_pids+=("$odd_pid")
    for _ in $(seq 100); do [ ! -s "$LAB/port" ] || break; sleep 0.1; done
    R=127.0.0.1:$(cut -d' ' -f1 "$LAB/port")
}
misbehaving "'auth': {'mode': 'bearer', 'anonymous': ['pull']}"
same "a token that does not push" --cache --cache-repo "$R/c" --cache-mounts
like "a token that does not push: a warning" "$output" 'warning: the cache .* cannot be written to'
for status in 403 405; do
    misbehaving "'faults': [{'method': 'POST|PUT|PATCH', 'path': '/v2/c/.*', 'times': 0, 'do': 'status', 'status': $status}]"
    same "$status to every write" --cache --cache-repo "$R/c" --push-retry 0
done
# The patience of writes ends with the build: two at a time and the record of the build, and then no more. Without that each of them
# makes six tries, for half a minute each where the registry says so.
writes() { grep -cE '"method": "(POST|PUT|PATCH)", "path": "/v2/c/' "$LAB/odd-log"; }
for headers in '{}' "{'Retry-After': '30'}"; do
    misbehaving "'faults': [{'method': 'POST|PUT|PATCH', 'path': '/v2/c/.*', 'times': 0, 'do': 'status', 'status': 500, 'headers': $headers}]"
    same "500 $headers to every write" --cache --cache-repo "$R/c" --cache-mounts --push -t "$R/image:1"
    is "is one warning" "$(warnings)" 1
    like "that says of what, and what is lost" "$output" \
        "warning: the cache $R/c cannot be written to, later builds will not find 7 of 7 layers and 1 cache mount .*HTTP 500"
    ok "soon" [ "$(writes)" -le "$([ "$headers" = '{}' ] && echo 15 || echo 5)" ]
done
# A directory is many requests, and a registry may want them slower.
misbehaving "'faults': [{'method': 'PATCH', 'path': '/v2/c/.*', 'times': 4, 'do': 'status', 'status': 503, 'headers': {'Retry-After': '1'}}]"
throttled() {
    printf 'FROM base\nRUN --mount=type=cache,id=t,target=/c echo kept >/c/f\n' |
        "$KILN" build --kiln-dir "$LAB/throttled" --build-context "base=oci-layout://$LAB/busybox" --cache --cache-run-layers=false \
            --cache-repo "$R/c" --cache-mounts -o "type=oci,dest=$LAB/out" -f - "$LAB/ctx"
}
ok "a cache mount goes to a registry that asks for patience" throttled
like "and is kept there" "$output" 'cache mount t: .* sent'
misbehaving "'faults': [{'method': 'GET|HEAD', 'path': '/v2/c/.*', 'times': 0, 'do': 'status', 'status': 403}]"
same "403 to every read" --cache --cache-repo "$R/c"
misbehaving "'faults': [{'method': 'PUT', 'path': '/v2/c/manifests/.*', 'skip': 2, 'times': 0, 'do': 'reset'}]"
same "entries that get lost" --cache --cache-repo "$R/c" --push-retry 0
same "entries that get lost, the next build" --cache --cache-repo "$R/c" --push-retry 0
misbehaving "'strict': true"
ok "a registry is filled" build --cache --cache-repo "$R/c"
same "and read" --cache --cache-repo "$R/c"
is "all of it" "$(hits)" "$steps"

# ---- a disk that is full

# The build needs some 4 MB, the cache about as much.
mkdir "$LAB/small"
mount -t tmpfs -o size=1M none "$LAB/small" || skip_all "cannot mount a tmpfs"
for mb in 1 2 3; do
    mount -o "remount,size=${mb}M" "$LAB/small"
    same "a cache on a disk of $mb MB" --cache --cache-repo "oci:$LAB/small/cache" --cache-mounts
    [ "$mb" = 3 ] || like "a cache on a disk of $mb MB: a warning" "$output" 'warning: .*cache'
done
mount -o remount,size=100M "$LAB/small"
mended "more room in the cache" --cache --cache-repo "oci:$LAB/small/cache" --cache-mounts
ok "the cache is sound" sound "$LAB/small/cache"

rm -rf "$LAB/small/cache"
small() { # the kiln directory is kept
    local status=0
    rm -rf "$LAB/digest" "$LAB/out"
    "$KILN" build --kiln-dir "$LAB/small/kiln" --build-context "base=oci-layout://$LAB/busybox" --digest-file "$LAB/digest" --cache \
        --explain-cache -o "type=oci,dest=$LAB/out" "$LAB/ctx" >"$LAB/said" 2>&1 || status=$?
    cat "$LAB/said"
    return "$status"
}
full=0 wrong=''
for kb in 500 3000 5000 7000; do
    mount -o "remount,size=${kb}k" "$LAB/small"
    if small >/dev/null; then
        [ "$(digest)" = "$want" ] || wrong="$wrong another image with $kb kB;"
    elif ! grep -qE '^kiln: .*(No space left on device|RUN: process .* did not complete)' "$LAB/said" || [ -e "$LAB/out/index.json" ]; then
        wrong="$wrong $kb kB: $(tail -n 1 "$LAB/said");"
    else
        full=$((full + 1))
    fi
done
is "a kiln directory on a disk that is too small: an error that says so" "$wrong" ''
is "several times" "$([ "$full" -ge 2 ] && echo yes)" yes
mount -o remount,size=100M "$LAB/small"
ok "with more room it goes on" small
is "and gives the same image" "$(digest)" "$want"
ok "once more" small
is "from the cache" "$(digest) $(hits) $(warnings)" "$want $steps 0"
ok "the store is sound" sound "$LAB/small/kiln/store"

# ---- kiln killed while it writes

layout=(--cache --cache-repo "oci:$LAB/layout" --cache-mounts)
broken=''
for pause in 0.1 0.2 0.3 0.4 0.6; do
    rm -rf "$LAB/layout.old"
    [ "$pause" != 0.4 ] || rm -rf "$LAB/layout"
    sed -i "s/^RUN rm .*/RUN rm \/one \&\& sleep $pause/" "$LAB/ctx/Dockerfile"
    "$KILN" build --kiln-dir "$LAB/killed" --build-context "base=oci-layout://$LAB/busybox" "${layout[@]}" "$LAB/ctx" >"$LAB/said" 2>&1 &
    victim=$!
    sleep "$pause"
    kill -KILL "$victim" 2>/dev/null
    wait "$victim" 2>/dev/null
    [ ! -d "$LAB/layout/blobs/sha256" ] || (cd "$LAB/layout/blobs/sha256" && for b in *; do [ "$b" = '*' ] || sha256sum --quiet -c <<<"$b  $b"; done) \
        >"$LAB/sums" 2>&1 || broken="$broken $pause: $(cat "$LAB/sums")"
    [ ! -s "$LAB/layout/index.json" ] || jq -e . "$LAB/layout/index.json" >/dev/null || broken="$broken $pause: index.json"
done
is "builds that are killed leave nothing broken" "$broken" ''
sed -i 's/^RUN rm .*/RUN rm \/one \&\& sleep 0.1/' "$LAB/ctx/Dockerfile"
mended "after builds that were killed" "${layout[@]}"
ok "the cache is sound afterwards" sound "$LAB/layout"

# ---- damage

# Of the layout; the next build mends what it meets.
manifest=$(for m in $(jq -r '.manifests[].digest | sub("sha256:"; "")' "$LAB/layout/index.json"); do
    jq -e '.artifactType == null and (.layers | length) == 1' "$LAB/layout/blobs/sha256/$m" >/dev/null && echo "$m"; done | tail -n 1)
layer=$(jq -r '.layers[0].digest | sub("sha256:"; "")' "$LAB/layout/blobs/sha256/$manifest")
size=$(stat -c %s "$LAB/layout/blobs/sha256/$layer")
head -c "$size" /dev/zero >"$LAB/zero"
cat "$LAB/zero" >"$LAB/layout/blobs/sha256/$layer"
mended "a damaged layer" "${layout[@]}"
ok "a damaged layer: is whole again" sound "$LAB/layout"
truncate -s 10 "$LAB/layout/blobs/sha256/$layer"
mended "a layer that was cut off" "${layout[@]}"
echo '{"schemaVersion":2}' >"$LAB/layout/blobs/sha256/$manifest"
mended "a damaged entry" "${layout[@]}"
rm -f "$LAB/layout/blobs/sha256/$manifest" # nothing names it any more
head -c 200 "$LAB/layout/index.json" >"$LAB/cut" && cat "$LAB/cut" >"$LAB/layout/index.json"
mended "an index that was cut off" "${layout[@]}"
ok "all is sound" sound "$LAB/layout"

# Of a registry: it believes to have what it has under a digest, so the wrong bytes stay there. The layer is written under another
# digest, for the image as well, whose blobs that registry has too.
lab_registry_start || exit 1
blobs=$(dirname "$LAB_REGISTRY_LOG")/data/docker/registry/v2/blobs/sha256
layer_of_copy() { # the digest of the first layer upon the base
    flatten --manifest "$LAB/out" | jq -r '.layers[1].digest | sub("sha256:"; "")'
}
config_of_copy() { flatten --manifest "$LAB/out" | jq -r '.config.digest'; }
registry=(--cache --cache-repo "$LAB_REGISTRY/gone")
ok "a registry is filled" build "${registry[@]}"
layer=$(layer_of_copy)
rm "$blobs/${layer:0:2}/$layer/data"
ok "a layer that is gone from a registry" build "${registry[@]}"
is "is written again under its own digest" "$(digest)" "$want"
ok "the build after it" build "${registry[@]}"
is "takes all" "$(hits) hits, $(warnings) warnings, $(digest)" "$steps hits, 0 warnings, $want"
for codec in gzip zstd; do
    registry=(--compression "$codec" --cache --cache-repo "$LAB_REGISTRY/$codec" --push -t "$LAB_REGISTRY/image:$codec")
    ok "$codec: a registry is filled" build "${registry[@]}"
    config=$(config_of_copy)
    layer=$(layer_of_copy)
    file=$blobs/${layer:0:2}/$layer/data
    size=$(stat -c %s "$file")
    if [ "$codec" = gzip ]; then head -c "$size" /dev/zero >"$file"; else truncate -s 1000 "$file"; fi
    ok "$codec: a damaged layer in it" build "${registry[@]}"
    like "$codec: a damaged layer in it: a warning" "$output" 'warning: a layer in the cache is damaged, building without it'
    is "$codec: the image unpacks to the same" "$(config_of_copy)" "$config"
    ok "$codec: the image is sound" flatten --check "$LAB/out"
    healed=$(digest)
    ok "$codec: with another layer" [ "$(layer_of_copy)" != "$layer" ]
    ok "$codec: the next build" build "${registry[@]}"
    is "$codec: the next build: takes all, and gives the same image" "$(hits) hits, $(warnings) warnings, $(digest)" "$steps hits, 0 warnings, $healed"
    rm -rf "$LAB/pulled"
    ok "$codec: others can pull it" skopeo copy -q --src-tls-verify=false "docker://$LAB_REGISTRY/image:$codec" "oci:$LAB/pulled"
    is "$codec: all of it" "$(flatten "$LAB/pulled")" "$(flatten "$LAB/out")"
done
lab_registry_stop

# ---- builds that share a kiln directory, and kiln prune beside them

sed -i 's/^RUN rm .*/RUN rm \/one/; s/^FROM base$/&\nARG N\nENV N=$N/' "$LAB/ctx/Dockerfile"
shared() { # KILN-DIR NAME N
    "$KILN" build --kiln-dir "$1" --build-context "base=oci-layout://$LAB/busybox" --cache --build-arg "N=$3" --digest-file "$LAB/$2" \
        "$LAB/ctx" >"$LAB/$2.log" 2>&1
}
for n in 1 2 3; do shared "$LAB/kiln.$n" "alone.$n" "$n"; done
"$KILN" prune --kiln-dir "$LAB/shared" >/dev/null 2>&1
(while [ ! -e "$LAB/stop" ]; do "$KILN" prune --kiln-dir "$LAB/shared" --keep-size 1MB >/dev/null 2>&1; sleep 0.05; done) &
pruner=$!
wrong=''
for round in 1 2 3; do
    builders=()
    for n in 1 2 3; do
        shared "$LAB/shared" "beside.$n" "$n" &
        builders+=("$!")
    done
    for n in 1 2 3; do
        wait "${builders[n - 1]}" || wrong="$wrong round $round, build $n: $(tail -n 3 "$LAB/beside.$n.log");"
        cmp -s "$LAB/beside.$n" "$LAB/alone.$n" || wrong="$wrong round $round, build $n: another image;"
    done
done
: >"$LAB/stop"
wait "$pruner"
is "builds side by side, and prune: the images that each gives alone" "$wrong" ''
ok "the store is sound" sound "$LAB/shared/store"
finish
