#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What goes over the wire between kiln and a real registry, read from the registry's access log: nothing that is not needed.
. "$(dirname "$0")/../lib/lab.sh"

lab_need docker-registry skopeo curl || skip_all "$lab_reason"
export KILN_DIR=$LAB/kiln SOURCE_DATE_EPOCH=1700000000 DOCKER_CONFIG=$LAB/docker
mkdir "$LAB/ctx" "$DOCKER_CONFIG"
echo hello >"$LAB/ctx/f"
lab_registry_start
R=$LAB_REGISTRY

# A base of three layers, one of each compression.
printf './etc type=dir\n./etc/passwd type=file data="root:x:0:0::/:/bin/sh\\nuser:x:7:8::/:/bin/sh\\n"\n./big type=file size=3000000\n' >"$LAB/one"
printf './two type=file data="two"\n' >"$LAB/two"
printf './three type=file data="three"\n./.wh.two type=whiteout\n' >"$LAB/three"
mkimage "$LAB/base" --tag 1 --list "$LAB/one" --compress zstd --list "$LAB/two" --compress none --list "$LAB/three" >/dev/null
skopeo copy -q --preserve-digests --dest-tls-verify=false "oci:$LAB/base:1" "docker://$R/team/base:1"
mapfile -t layers < <(flatten --manifest "$LAB/base:1" | sed -n '/"layers"/,$s/.*"digest": "\(.*\)".*/\1/p')

mark() { wc -l <"$LAB_REGISTRY_LOG" >"$LAB/mark"; }
# requests METHOD REGEX: how many since mark, successful ones
requests() { tail -n "+$(($(cat "$LAB/mark") + 1))" "$LAB_REGISTRY_LOG" | grep -cE "\"$1 /v2/$2[^\"]* HTTP[^\"]*\" 20[0-9]"; }
layer_downloads() {
    local l n=0
    for l in "${layers[@]}"; do n=$((n + $(requests GET "$1/blobs/$l"))); done
    echo "$n"
}
build() { # NAME DOCKERFILE [ARG...]: with an empty store unless KILN_DIR says otherwise
    local tag=$1
    printf '%b\n' "$2" >"$LAB/ctx/Dockerfile"
    shift 2
    [ -n "${keep_store:-}" ] || rm -rf "$KILN_DIR"
    mark
    "$KILN" build -t "$R/$tag" --push "$@" "$LAB/ctx"
}
content() { rm -rf "$LAB/pulled"; skopeo copy -q --src-tls-verify=false "docker://$R/$1" "oci:$LAB/pulled:1" && flatten --no-root --only content "$LAB/pulled:1"; }
# ---- a push to the registry that the base comes from

ok "metadata only" build team/app:meta "FROM $R/team/base:1\nLABEL a=1"
is "downloads no layer" "$(layer_downloads team/base)" 0
is "uploads the configuration only" "$(requests PUT 'team/app/blobs/uploads')" 1
is "mounts the others" "$(requests POST 'team/app/blobs/uploads/\?.*mount=')" 3
like "the image is whole" "$(content team/app:meta)" './three data="three"'

ok "a COPY into the root" build team/copy:1 "FROM $R/team/base:1\nCOPY f /f"
is "mounts the base's layers" "$(requests POST 'team/copy/blobs/uploads/\?.*mount=')" 3
is "uploads the new one and the configuration" "$(requests PUT 'team/copy/blobs/uploads')" 2
like "the image is whole" "$(content team/copy:1)" './f data="hello'
is "downloads each layer at most once" "$(($(layer_downloads team/base) <= 3))" 1

keep_store=1
ok "the same again" build team/copy:2 "FROM $R/team/base:1\nCOPY f /f"
is "downloads nothing" "$(layer_downloads team/base)" 0
is "uploads nothing" "$(requests PUT 'team/copy/blobs/uploads')" 0
is "nor mounts" "$(requests POST 'team/copy/blobs/uploads/\?.*mount=')" 0
keep_store=''

ok "under two names" build team/a:1 "FROM $R/team/base:1\nLABEL a=2" -t "$R/team/b:1"
is "both are there" "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$R/team/a:1")" \
    "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$R/team/b:1")"
is "still without a download" "$(layer_downloads team/base)" 0

ok "another stage's base" build team/stages:1 "FROM $R/team/base:1 AS unused\nRUN false\nFROM $R/team/base:1 AS from\nFROM scratch\nCOPY --from=from /three /t"
like "has what was copied" "$(content team/stages:1)" '^./t data="three"$'
is "downloads each of its layers once" "$(layer_downloads team/base)" 3

# ---- to another registry

first=$R
first_log=$LAB_REGISTRY_LOG
lab_registry_start
R=$LAB_REGISTRY
ok "a push to another registry" build far/app:1 "FROM $first/team/base:1\nLABEL a=1"
is "uploads every layer there" "$(requests PUT 'far/app/blobs/uploads')" 4
is "as it was: the same blobs" "$(skopeo inspect --tls-verify=false --raw "docker://$R/far/app:1" | grep -oE '"digest":"[^"]*"' | tail -n 3)" \
    "$(skopeo inspect --tls-verify=false --raw "docker://$first/team/base:1" | grep -oE '"digest":"[^"]*"' | tail -n 3)"
like "the image is whole" "$(content far/app:1)" './three data="three"'
LAB_REGISTRY_LOG=$first_log
R=$first

# ---- indexes

put_index() { # NAME:TAG TYPE ENTRY...: entries are PLATFORM=LAYOUT:TAG
    local to=$1 kind=$2 entries='' e os arch variant raw
    shift 2
    for e in "$@"; do
        skopeo copy -q --dest-tls-verify=false "oci:${e#*=}" "docker://$R/${to%:*}:part"
        raw=$(skopeo inspect --tls-verify=false --raw "docker://$R/${to%:*}:part" | tee "$LAB/raw" | sha256sum | cut -d' ' -f1)
        IFS=/ read -r os arch variant <<<"${e%%=*}"
        entries+="${entries:+,}{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":$(stat -c %s "$LAB/raw"),\"digest\":\"sha256:$raw\",\"platform\":{\"os\":\"$os\",\"architecture\":\"$arch\"${variant:+,\"variant\":\"$variant\"}}}"
    done
    curl -sf -X PUT -H "Content-Type: $kind" -d "{\"schemaVersion\":2,\"mediaType\":\"$kind\",\"manifests\":[$entries]}" "http://$R/v2/${to%:*}/manifests/${to#*:}"
}
for p in linux/amd64 linux/arm64 linux/arm/v6 linux/arm/v7 linux/s390x; do
    echo "./platform type=file data=\"$p\"" >"$LAB/list"
    mkimage "$LAB/multi" --tag "${p//\//-}" --platform "$p" --list "$LAB/list" >/dev/null
done
entries=()
for p in linux/arm64 linux/arm/v6 linux/arm/v7 linux/amd64; do entries+=("$p=$LAB/multi:${p//\//-}"); done
for kind in application/vnd.oci.image.index.v1+json application/vnd.docker.distribution.manifest.list.v2+json; do
    put_index team/multi:1 "$kind" "${entries[@]}"
    for p in linux/arm64 linux/arm/v7 linux/amd64; do
        ok "${kind##*.image.}: $p" build team/picked:1 "FROM $R/team/multi:1\nCOPY f /f" --platform "$p"
        like "its files" "$(content team/picked:1)" "./platform data=\"$p\""
        like "its configuration" "$(flatten --config "$LAB/pulled:1" | tr -d ' \n')" "\"architecture\":\"$(cut -d/ -f2 <<<"$p")\".*\"os\":\"linux\""
    done
    fails "a platform that is not in it" 1 build team/picked:2 "FROM $R/team/multi:1\nCOPY f /f" --platform linux/s390x
    like "is named, with those that are" "$output" 's390x.*(arm64|amd64)'
done
ok "FROM --platform" build team/picked:3 "FROM --platform=linux/arm64 $R/team/multi:1 AS a\nFROM --platform=\$BUILDPLATFORM $R/team/base:1\nCOPY --from=a /platform /p"
like "takes the one asked for" "$(content team/picked:3)" './p data="linux/arm64"'

# ---- by digest

digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$R/team/base:1")
ok "a base by digest" build team/pinned:1 "FROM $R/team/base@$digest\nLABEL a=1"
ok "by tag and digest" build team/pinned:2 "FROM $R/team/base:nosuch@$digest\nLABEL a=1"
fails "a digest that is not there" 1 build team/pinned:3 "FROM $R/team/base@sha256:$(printf '0%.0s' $(seq 64))\nLABEL a=1"
finish
