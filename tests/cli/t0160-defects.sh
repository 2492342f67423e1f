#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Defects of kaniko that a golden case cannot show (docs/kaniko-defects.md says where each of them is tested).
. "$(dirname "$0")/../lib/lab.sh"

KILN=$(realpath "$KILN")
export KILN_DIR=$LAB/kiln SOURCE_DATE_EPOCH=1700000000
lab_base_busybox "$LAB/busybox"
base=(--isolation namespaces --build-context "base=oci-layout://$LAB/busybox")
mkdir "$LAB/ctx"
cd "$LAB/ctx" || exit 1
echo a >a
build() { "$KILN" build -q "${base[@]}" "$@" .; }
files() { flatten --no-root --only content "$1"; }

# ---- D-22: what an earlier build left in the work directory means nothing, and a failed build leaves nothing there

mkdir "$KILN_DIR"
echo a >"$KILN_DIR/Dockerfile.dockerignore"
cp "$KILN_DIR/Dockerfile.dockerignore" "$KILN_DIR/.dockerignore"
printf 'FROM scratch\nCOPY . /\n' >"$KILN_DIR/Dockerfile.x"
cp "$KILN_DIR/Dockerfile.x" Dockerfile
ok "D-22: a build with somebody's .dockerignore in the work directory" build -o "type=oci,dest=$LAB/out"
like "D-22: copies what the context has" "$(files "$LAB/out")" './a data="a\\n"'
rm "$KILN_DIR"/*Dockerfile* "$KILN_DIR/.dockerignore"
echo a >"$LAB/elsewhere.dockerignore"
printf 'FROM scratch\nCOPY . /\n' >"$LAB/elsewhere"
ok "D-22: the one beside a Dockerfile elsewhere" build -f "$LAB/elsewhere" -o "type=oci,dest=$LAB/out2"
is "D-22: counts for that build" "$(files "$LAB/out2")" "$(files "$LAB/out" | grep -v '^./a ')"
ok "D-22: and for no other" build -o "type=oci,dest=$LAB/out3"
is "D-22: which is what it was" "$(files "$LAB/out3")" "$(files "$LAB/out")"
printf 'FROM base\nRUN echo x >/x\nRUN exit 3\n' >Dockerfile
fails "D-22: a build that fails" 3 build
is "D-22: leaves nothing but the store" "$(ls -A "$KILN_DIR" | tr '\n' ' ')$(find "$KILN_DIR/roots" "$KILN_DIR/store/tmp" -mindepth 1 2>/dev/null)" "lock roots store "

# A killed one cannot clean up; the next one does.
printf 'FROM base\nRUN : >/tmp/began; sleep 1000\n' >Dockerfile
"$KILN" build -q "${base[@]}" . 2>/dev/null &
killed=$!
lab_pids+=("$killed")
lab_wait eval '[ -n "$(find "$KILN_DIR/roots" -name began)" ]'
kill -KILL "$killed"
wait "$killed" 2>/dev/null
like "D-22: a killed build leaves its root" "$(ls "$KILN_DIR/roots")" '^s\.'
lab_wait eval '[ -z "$(find /proc/[0-9]*/cwd -maxdepth 0 -lname "$KILN_DIR/*" 2>/dev/null)" ]'
printf 'FROM base\nRUN true\n' >Dockerfile
ok "D-22: the next build" build
is "D-22: removes it" "$(find "$KILN_DIR/roots" -mindepth 1)" ""

# ---- D-25: a proxy on the command line is no part of the image

printf 'FROM base\nRUN [ -n "$HTTP_PROXY$1" ] || echo none; date >/dev/null; echo x >/x\n' >Dockerfile
without=$(build)
like "D-25: an image" "$without" '^sha256:'
is "D-25: is the same with a proxy" "$(build --build-arg HTTP_PROXY=http://one:1 --build-arg no_proxy=x)" "$without"
is "D-25: and with another" "$(build --build-arg http_proxy=http://two:2)" "$without"

# ---- D-10: a file that a wildcard matches is renamed: another layer, also from a cache, and for what runs after it

mkdir "$LAB/ctx10"
cd "$LAB/ctx10" || exit 1
echo same >w-one
printf 'FROM base\nCOPY w-* /d/\nRUN ls /d >/seen\n' >Dockerfile
cached() { build --cache --cache-repo "oci:$LAB/cache10" -o "type=oci,dest=$1"; }
ok "D-10: a build with a cache" cached "$LAB/out10"
ok "D-10: the same again" cached "$LAB/out11"
is "D-10: is the same image" "$(cat "$LAB/out11/index.json")" "$(cat "$LAB/out10/index.json")"
mv w-one w-two
ok "D-10: after the file was renamed" cached "$LAB/out12"
is "D-10: it has its new name" "$(files "$LAB/out12" | grep -E '^./(d/|seen)')" $'./d/w-two data="same\\n"\n./seen data="w-two\\n"'
cd "$LAB/ctx" || exit 1

# ---- D-23 and the surroundings of a command: nothing of the builder's own reaches it

printf 'FROM base\nRUN umask >/umask; env | sort >/env; ls -l /proc/self/fd | wc -l >/fds; id >/id; cat /proc/self/status | grep -i sigign >/ignored; ulimit -c >/core\n' >Dockerfile
plain() { rm -rf "$LAB/plain"; build -o "type=oci,dest=$LAB/plain" >/dev/null && flatten --no-root --only content "$LAB/plain" | grep -E '^./(umask|env|fds|id|ignored) '; }
first=$(plain 2>/dev/null)
like "a command's umask" "$first" './umask data="0022\\n"'
odd() (
    umask 077
    trap '' HUP QUIT USR1
    export SECRET=s3cret LD_LIBRARY_PATH=/nowhere TMPDIR=$LAB
    exec 7</etc/passwd 8>"$LAB/8"
    plain
)
is "umask, environment, descriptors, ignored signals are not the builder's" "$(odd 2>/dev/null)" "$first"
finish
