#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --cache-mounts: directories of RUN --mount=type=cache in a registry and in a layout, how much of them is sent, and what goes
# wrong on the way.
. "$(dirname "$0")/../lib/lab.sh"

lab_need docker-registry skopeo jq || skip_all "$lab_reason"
[ "$(id -u)" = 0 ] || skip_all "needs root"
export DOCKER_CONFIG=$LAB/docker
mkdir -p "$LAB/ctx" "$DOCKER_CONFIG"
lab_base_busybox "$LAB/busybox"
lab_registry_start
repo=$LAB_REGISTRY/team/cache
step=0

# build DIR COMMAND [OPTION...]: one RUN with the cache mount $id, that no layer cache can know
id=m
build() {
    local dir=$1 command=$2
    shift 2
    step=$((step + 1))
    printf 'FROM base\nRUN --mount=type=cache,id=%s,target=/c : %s; %s\n' "$id" "$step" "${command//$'\n'/ }" >"$LAB/ctx/Dockerfile"
    "$KILN" build --kiln-dir "$dir" --build-context "base=oci-layout://$LAB/busybox" --cache --cache-repo "$repo" --cache-mounts \
        -o "type=oci,dest=$LAB/out" "$@" "$LAB/ctx"
}
fresh() {
    rm -rf "$LAB"/kiln.* 2>/dev/null
    kiln=$(mktemp -d "$LAB/kiln.XXXXXX")
}
stored() { du -sb "$LAB"/registry.*/data | cut -f 1; }

# ---- what comes back

fresh
# shellcheck disable=SC2016
ok "a build fills a cache mount" build "$kiln" '[ -z "$(ls /c)" ] && mkdir -p /c/d/e && echo text >/c/d/f && ln /c/d/f /c/hard &&
    ln -s d/f /c/soft && chmod 4711 /c/d/f && chown 12:34 /c/d/e && touch -d "2001-02-03 04:05:06" /c/d && echo w >/c/.wh.x && mkfifo /c/p'
like "and says that it is kept" "$output" 'cache mount m: .* sent'
fresh
ok "a build elsewhere sees all of it" build "$kiln" '[ "$(cat /c/soft /c/.wh.x)" = "$(printf "text\\nw")" ] && [ /c/hard -ef /c/d/f ] &&
    [ "$(stat -c "%a %u:%g" /c/d/f /c/d/e)" = "$(printf "4711 0:0\\n755 12:34")" ] && [ -p /c/p ] && stat -c %Y /c/d | grep -qx 981173106'
like "nothing new is sent" "$output" 'cache mount m: .*, 0 B sent'
is "the artifact can be read by others" \
    "$(skopeo list-tags --tls-verify=false "docker://$repo" | jq -r '.Tags[]' | while read -r tag; do
        skopeo inspect --raw --tls-verify=false "docker://$repo:$tag" | jq -r .artifactType
    done | grep -c vnd.kiln.cache-mount.v1)" 1

# ---- how much is sent

# 1 GB that cannot be compressed. In one of a hundred files of 10 MB, one is overwritten: its header changes, and 1 MB in its midst.
id=large
fresh
ok "a directory of 1 GB" build "$kiln" 'for i in $(seq 100); do head -c 10000000 /dev/urandom >/c/$i; done'
like "is kept" "$output" 'cache mount large: 1.0 GB in .*, 1.0 GB sent'
before=$(stored)
fresh
ok "one file in it is changed" build "$kiln" '[ "$(ls /c | wc -l)" = 100 ] && before=$(md5sum /c/47) &&
    dd if=/dev/urandom of=/c/47 bs=1000 seek=4321 count=1000 conv=notrunc 2>/dev/null && [ "$(md5sum /c/47)" != "$before" ]'
grown=$(($(stored) - before))
tap_say "1 GB in the mount, 1 MB of it changed, $grown bytes more in the registry"
is "and less than 5 MB are sent" "$([ "$grown" -gt 1000000 ] && [ "$grown" -lt 5000000 ] && echo yes)" yes
id=m

# Small files share chunks.
fresh
ok "a directory of many files" build "$kiln" 'for d in 1 2 3 4; do mkdir -p /c/$d; for f in 1 2 3 4 5 6 7 8; do head -c 300000 /dev/urandom >/c/$d/$f; done; done;
    mkdir /c/small; for i in $(seq 2000); do echo $i >/c/small/$i; done'
fresh
ok "a small file in it is changed" build "$kiln" '[ "$(ls /c/small | wc -l)" = 2000 ] && echo changed >/c/small/1000'
like "one chunk is sent" "$output" 'cache mount m: .*, [0-9]+(\.[0-9])? [kK]B sent'

# ---- what goes wrong

# A build is killed while it sends: what is kept is what was kept before.
fresh
mark=$(wc -l <"$LAB_REGISTRY_LOG")
step=100
printf 'FROM base\nRUN --mount=type=cache,id=m,target=/c rm -r /c/1; for f in 1 2 3 4 5 6 7 8 9; do head -c 4000000 /dev/urandom >/c/4/$f; done\n' >"$LAB/ctx/Dockerfile"
"$KILN" build --kiln-dir "$kiln" --build-context "base=oci-layout://$LAB/busybox" --cache --cache-repo "$repo" --cache-mounts \
    -o "type=oci,dest=$LAB/out" "$LAB/ctx" >"$LAB/killed.log" 2>&1 &
victim=$!
for _ in $(seq 1500); do
    sent=$(tail -n "+$mark" "$LAB_REGISTRY_LOG" | grep -c '"PATCH /v2/.*" 202 ' || true)
    [ "$sent" -ge 6 ] && break
    sleep 0.02
done
kill -9 "$victim"
wait "$victim" 2>/dev/null
is "kiln was killed while it was sending" "$(grep -c 'B sent' "$LAB/killed.log")" 0
ok "the next build in its directory has what the last one left" build "$kiln" '[ ! -e /c/1 ] && [ -s /c/4/9 ]' --no-push-cache
fresh
ok "one elsewhere what was kept before" build "$kiln" '[ -s /c/1/1 ] && [ ! -e /c/4/9 ] && [ "$(ls /c/small | wc -l)" = 2000 ]' --no-push-cache

ok "a directory that is too large" build "$kiln" 'rm /c/4/1' --cache-mounts-limit 5MB
like "is not kept, with a warning" "$output" 'cache mount m is not kept in .*: it is larger than'
fresh
ok "nor brought back" build "$kiln" '[ -z "$(ls /c)" ]' --cache-mounts-limit 5MB --no-push-cache
like "with a warning" "$output" 'cache mount m begins empty'

fails "a limit that no list of chunks can hold" 1 build "$kiln" : --cache-mounts-limit 21GiB
like "is refused" "$output" 'cache-mounts-limit 21GiB: more than 20GiB cannot be kept'

# Two builds at the same time: one of the two is kept, whole.
racer() {
    printf 'FROM base\nRUN --mount=type=cache,id=race,target=/c for i in 1 2 3 4 5 6 7 8; do (echo %s; head -c 1000000 /dev/urandom) >/c/$i; done\n' "$1" |
        "$KILN" build --kiln-dir "$LAB/race.$1" --build-context "base=oci-layout://$LAB/busybox" --cache-to "type=registry,ref=$repo" \
            --cache-mounts -o "type=oci,dest=$LAB/out.$1" -f - "$LAB/ctx" >"$LAB/race.$1.log" 2>&1
}
racer A &
one=$!
racer B &
two=$!
wait "$one"
is "one of two builds at the same time" $? 0
wait "$two"
is "and the other" $? 0
rm -rf "$LAB"/race.A "$LAB"/race.B
printf 'FROM base\nRUN --mount=type=cache,id=race,target=/c : again; head -qn 1 /c/* | sort | uniq -c | grep -qE "^ *8 [AB]$"\n' >"$LAB/ctx/Dockerfile"
ok "what is kept is of one of them" "$KILN" build --kiln-dir "$kiln" --build-context "base=oci-layout://$LAB/busybox" \
    --cache-from "type=registry,ref=$repo" --cache-mounts -o "type=oci,dest=$LAB/out" "$LAB/ctx"

# ---- a layout, and kiln prune

fresh
registry_repo=$repo
repo=oci:$LAB/layout
ok "a layout keeps a mount" build "$kiln" 'echo layout >/c/f'
used() { find "$kiln/cache-mounts" -name f | wc -l; }
ok "kiln prune --unused leaves it" "$KILN" prune --kiln-dir "$kiln" --unused 1h
is "where it is" "$(used)" 1
ok "kiln prune" "$KILN" prune --kiln-dir "$kiln"
like "removes it" "$output" '1 cache mounts'
is "from the kiln directory" "$(used)" 0
ok "and the next build has it from the layout" build "$kiln" 'grep layout /c/f'
blob=$(find "$LAB/layout/blobs" -type f -exec sh -c 'head -c 4 "$1" | od -An -tx1 | grep -q "28 b5 2f fd"' _ {} \; -print | while read -r b; do
    zstd -dcq "$b" | grep -qa layout && echo "$b"; done | head -n 1)
echo damage >"$blob"
"$KILN" prune --kiln-dir "$kiln" >/dev/null 2>&1
ok "a damaged chunk" build "$kiln" '[ -z "$(ls /c)" ]; echo new >/c/g'
like "is warned of" "$output" 'begins empty'
"$KILN" prune --kiln-dir "$kiln" >/dev/null 2>&1
ok "and what is kept then is whole again" build "$kiln" 'grep new /c/g'
repo=$registry_repo

# ---- a registry that may only be read, and none

dir=$(dirname "$LAB_REGISTRY_LOG")
lab_registry_stop
sed 's/delete: {enabled: true}/&, maintenance: {readonly: {enabled: true}}/' "$dir/registry.yml" >"$dir/readonly.yml"
LAB_REGISTRY_LOG=$dir/log.readonly
OTEL_TRACES_EXPORTER=none docker-registry serve "$dir/readonly.yml" >"$LAB_REGISTRY_LOG" 2>&1 &
LAB_REGISTRY_PID=$!
lab_pids+=("$LAB_REGISTRY_PID")
lab_registry_wait
repo=$LAB_REGISTRY/team/cache
fresh
ok "a repository that may only be read" build "$kiln" '[ -s /c/1/1 ]; echo more >/c/more'
like "is warned of" "$output" 'warning.*(cannot be written to|is not kept)'
lab_registry_stop
fresh
ok "a registry that is not there" build "$kiln" '[ -z "$(ls /c)" ]'
like "too" "$output" 'cannot be read, going on without it'
fails "no cache to keep them in" 1 "$KILN" build --cache-mounts "$LAB/ctx"
like "is an error that says what to do" "$output" 'needs a cache: --cache'
finish
