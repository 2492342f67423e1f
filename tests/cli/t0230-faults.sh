#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A registry that misbehaves: each fault is survived, or ends in one clear line with nothing half-written used, kept or pushed.
. "$(dirname "$0")/../lib/lab.sh"

lab_need skopeo curl || skip_all "$lab_reason"
export SOURCE_DATE_EPOCH=1700000000 DOCKER_CONFIG=$LAB/docker KILN_DIR=$LAB/kiln
mkdir "$LAB/ctx" "$DOCKER_CONFIG"
head -c 3000000 /dev/urandom >"$LAB/ctx/big"
printf './etc type=dir\n./etc/passwd type=file data="root:x:0:0::/:/bin/sh\\n"\n' >"$LAB/small"
mkdir "$LAB/tree"
head -c 5000000 /dev/urandom >"$LAB/tree/random"
mkimage "$LAB/base" --tag 1 --list "$LAB/small" --owner 0 --tree "$LAB/tree" >/dev/null
layer=$(flatten --manifest "$LAB/base:1" | sed -n 's/.*"digest": "\(.*\)".*/\1/p' | tail -n 1)

# registry SCRIPT-MEMBERS: sets R; the one before is stopped
registry() {
    [ -z "${registry_pid:-}" ] || lab_stop "$registry_pid"
    rm -f "$LAB/port" "$LAB/log"
    tail -f /dev/null | python3 "$lab_lib/registry.py" --script "{$1}" --log "$LAB/log" >"$LAB/port" 2>"$LAB/registry-errors" &
    registry_pid=$!
    lab_pids+=("$registry_pid")
    lab_wait_port "$LAB/port" "$registry_pid" "$LAB/registry-errors"
    R=127.0.0.1:$(cut -d' ' -f1 "$LAB/port")
    rm -rf "$KILN_DIR"
    printf 'FROM %s/team/base:1\nCOPY --from=%s/team/base:1 /random /copy\nCOPY big /big\n' "$R" "$R" >"$LAB/ctx/Dockerfile"
}
put_base() { skopeo copy -q --preserve-digests --dest-tls-verify=false "$@" "oci:$LAB/base:1" "docker://$R/team/base:1"; }
build() { "$KILN" build -t "$R/team/app:1" --push "$@" "$LAB/ctx"; }
pushed() { curl -s -o /dev/null -w '%{http_code}' "${@:3}" -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$R/v2/$1/manifests/$2"; }
# Nothing in the store has another digest than its name says, and nothing is temporary.
store_is_sound() {
    (cd "$KILN_DIR/store/blobs/sha256" && for b in *; do [ "$b" = '*' ] || sha256sum --quiet -c <<<"$b  $b" || exit 1; done) &&
        [ -z "$(find "$KILN_DIR/store/tmp" "$KILN_DIR/roots" -mindepth 1 2>/dev/null)" ]
}

# survived NAME FAULTS [SCRIPT-MEMBERS]
survived() {
    registry "'faults': [$2]${3:+, $3}"
    put_base
    ok "$1" build
    ok "$1: the image is whole" skopeo copy -q --src-tls-verify=false "docker://$R/team/app:1" "oci:$LAB/got:1"
    ok "$1: and the store" store_is_sound
    rm -rf "$LAB/got"
}

# refused NAME REGEX FAULTS [SCRIPT-MEMBERS]
refused() {
    local status=0 text said
    registry "'faults': [$3]${4:+, $4}"
    [ -n "${no_base:-}" ] || put_base
    text=$(build 2>&1 >/dev/null) || status=$?
    said=$(grep '^kiln: ' <<<"$text")
    is "$1" "$status $(wc -l <<<"$said")" "1 1"
    like "$1: says so" "$said" "$2"
    is "$1: nothing is pushed" "$(pushed team/app 1)" 404
    ok "$1: and the store is whole" store_is_sound
}

get="'method': 'GET', 'path': 'base/blobs/$layer'"
put="'method': 'PATCH|PUT', 'path': 'app/blobs/uploads'"

# ---- pulling

survived "a truncated layer" "{$get, 'do': 'cut', 'after': 2000000}"
like "a truncated layer: goes on where it stopped" "$(grep "blobs/$layer" "$LAB/log" | grep '"range": "bytes=[1-9]')" 'bytes=[12]'
survived "a layer that is truncated again and again" "{$get, 'do': 'cut', 'after': 1500000, 'times': 3}"
survived "a connection reset in the middle" "{$get, 'do': 'reset', 'after': 1000000}"
survived "a connection reset before any answer" "{$get, 'do': 'reset', 'after': -1}"
survived "truncated, by a registry without ranges" "{$get, 'do': 'cut', 'after': 2000000}" "'ranges': false"
survived "truncated, by a registry that sends another range" "{$get, 'do': 'cut', 'after': 2000000}" "'ranges': 'wrong'"
survived "500 for a layer" "{$get, 'do': 'status', 'status': 500}"
survived "503 for the manifest" "{'method': 'GET', 'path': 'base/manifests', 'do': 'status', 'status': 503}"
survived "429 with Retry-After" "{$get, 'do': 'status', 'status': 429, 'headers': {'Retry-After': '1'}}"
survived "a slow layer" "{$get, 'do': 'slow', 'chunk': 500000, 'pause_ms': 100}"
survived "a wrong layer, once" "{$get, 'do': 'corrupt'}"
refused "a wrong layer, always" "Dockerfile:[12]: .*$layer|digest" "{$get, 'do': 'corrupt', 'times': 0}"
refused "a layer that is too long" 'longer|more than|larger|size|digest' "{$get, 'do': 'longer', 'extra': 1000, 'times': 0}"
refused "a layer that is not there" "Dockerfile:[12]: .*404" "{$get, 'do': 'status', 'status': 404, 'times': 0}"
refused "500 for ever" "Dockerfile:[12]: .*500" "{$get, 'do': 'status', 'status': 500, 'times': 0}" # with back-off
refused "a manifest with a wrong byte" "Dockerfile:1: .*(digest|sha256|JSON|json)" "{'method': 'GET', 'path': 'base/manifests', 'do': 'corrupt', 'times': 0}"
refused "401 that never ends" "Dockerfile:1: .*(401|credential|denied|unauthori)" "{'method': 'GET', 'path': 'base/manifests', 'do': 'status', 'status': 401, 'times': 0}"

no_base=1
refused "a huge manifest" "Dockerfile:1: .*larger than" '' "'repos': {'team/base': {'manifests': {'1': {'huge': 20000000}}}}"
refused "a manifest that is not JSON" "Dockerfile:1: .*" '' "'repos': {'team/base': {'manifests': {'1': {'raw': '<html>'}}}}"
refused "a manifest of an unknown kind" "Dockerfile:1: .*" '' "'repos': {'team/base': {'manifests': {'1': {'raw': '{}', 'type': 'text/html'}}}}"
refused "an index without our platform" "Dockerfile:1: .*linux/" '' \
    "'repos': {'team/base': {'manifests': {'1': {'index': [{'platform': {'os': 'linux', 'architecture': 'riscv64'}, 'image': {'layers': []}}]}}}}"
registry "'repos': {'team/base': {'manifests': {'1': {'entries': 10000}}}}"
printf 'FROM %s/team/base:1\nLABEL a=1\n' "$R" >"$LAB/ctx/Dockerfile"
status=0
text=$(build --platform linux/amd64 2>&1) || status=$?
like "an index of 10,000 entries is read" "$status $text" "0 .*pushed|the image has 1 layers but its config names 0"
no_base=''

# ---- redirects: to another port, which is another origin; its server refuses whoever brings credentials

auth="'auth': {'mode': 'basic', 'users': {'lab': 'secret'}}"
registry "'redirect': true, $auth"
put_base --dest-creds lab:secret
printf '{"auths": {"%s": {"auth": "%s"}}}' "$R" "$(printf lab:secret | base64)" >"$DOCKER_CONFIG/config.json"
ok "layers elsewhere" build
ok "come from there, without credentials" grep -q '"host": "storage".*"method": "GET".*"auth": "".*"status": 200' "$LAB/log"
fails "never with them" 1 grep -q '"host": "storage".*"auth": "[^"]' "$LAB/log"
rm "$DOCKER_CONFIG/config.json"
registry "$auth"
put_base --dest-creds lab:secret
fails "without a password" 1 build
like "says whose" "$output" "$R.*(401|credential|denied|unauthori)"
printf '{"auths": {"%s": {"auth": "%s"}}}' "$R" "$(printf lab:wrong | base64)" >"$DOCKER_CONFIG/config.json"
fails "with a wrong one" 1 build
like "says so" "$output" "$R.*(401|credential|denied|unauthori|refused)"
fails "and never the password" 1 grep -q wrong <<<"$output"
rm "$DOCKER_CONFIG/config.json"
registry "'auth': {'mode': 'bearer', 'users': {'lab': 'secret'}, 'uses': 7}"
printf '{"auths": {"%s": {"auth": "%s"}}}' "$R" "$(printf lab:secret | base64)" >"$DOCKER_CONFIG/config.json"
ok "tokens that soon wear out are renewed when pushing" "$KILN" build -t "$R/team/base:1" --push --build-context "base=oci-layout://$LAB/base" \
    -f <(echo 'FROM base') "$LAB/ctx"
ok "and when pulling" build
ok "which they had to be" grep -q '"auth": "Bearer".*"status": 401' "$LAB/log"
rm "$DOCKER_CONFIG/config.json"

# ---- pushing

survived "an upload that breaks off" "{$put, 'do': 'drop', 'after': 1000000}"
survived "an upload whose session is lost" "{$put, 'do': 'drop', 'after': 1000000}" "'resume': false"
survived "an answer that is lost" "{'method': 'PUT', 'path': 'app/blobs/uploads', 'do': 'lose'}"
survived "500 for an upload" "{'method': 'POST', 'path': 'app/blobs/uploads', 'do': 'status', 'status': 500, 'skip': 1}"
survived "503 for the manifest" "{'method': 'PUT', 'path': 'app/manifests', 'do': 'status', 'status': 503}"
survived "429 for an upload" "{$put, 'do': 'status', 'status': 429, 'headers': {'Retry-After': '1'}}"
survived "no mounts" '' "'mount': 202"
survived "mounts that are forbidden" '' "'mount': 403"
refused "an upload that fails for ever" "push 127.0.0.1:[0-9]+/team/app:1: .*500" "{$put, 'do': 'status', 'status': 500, 'times': 0}"
refused "a manifest that is refused" "push 127.0.0.1:[0-9]+/team/app:1: .*400" "{'method': 'PUT', 'path': 'app/manifests', 'do': 'status', 'status': 400, 'times': 0, 'body': 'MANIFEST_INVALID'}"
refused "a push that is forbidden" "team/app.*403|denied" "{'method': 'POST', 'path': 'app/blobs/uploads', 'do': 'status', 'status': 403, 'times': 0}"

# ---- a layer that is not to be given away: neither read, where no step needs it, nor pushed; the manifest says where it is

diff_id=sha256:$(printf '%064d' 7)
registry "'repos': {'team/base': {'manifests': {'1': {'layers': [{'size': 1000, 'foreign': 'http://127.0.0.1:9/layer'}], 'config': {'os': 'linux', 'architecture': 'amd64', 'rootfs': {'type': 'layers', 'diff_ids': ['$diff_id']}}}}}}"
printf 'FROM %s/team/base:1\nLABEL a=b\n' "$R" >"$LAB/ctx/Dockerfile"
ok "a foreign layer" build --platform linux/amd64
is "stays one" "$(skopeo inspect --raw --tls-verify=false "docker://$R/team/app:1" | python3 -c 'import json, sys
print(*[(x["mediaType"], *x["urls"]) for x in json.load(sys.stdin)["layers"]])')" "('application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', 'http://127.0.0.1:9/layer')"
foreign=$(skopeo inspect --raw --tls-verify=false "docker://$R/team/app:1" | sed -n 's/.*nondistributable[^{]*"digest":"\([^"]*\)".*/\1/p')
is "and is asked for nowhere" "$(grep -c "${foreign:-none}" "$LAB/log")" 0
finish
