#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SOURCE_DATE_EPOCH, where it can be said and what it can be; --reproducible.
. "$(dirname "$0")/../lib/lab.sh"

KILN=$(realpath "$KILN")
export KILN_DIR=$LAB/kiln
unset SOURCE_DATE_EPOCH
lab_base_busybox "$LAB/busybox"
mkdir "$LAB/ctx"
cd "$LAB/ctx" || exit 1
echo hello >f
base=(--build-context "base=oci-layout://$LAB/busybox")

dockerfile() { printf '%b\n' "$1" >"$LAB/ctx/Dockerfile"; }

# build ARG...: into $LAB/out
build() { rm -rf "$LAB/out"; "$KILN" build "${base[@]}" -o "type=oci,dest=$LAB/out" "$@" .; }
created() { flatten --config "$LAB/out" | sed -n 's/^  "created": "\(.*\)",*$/\1/p'; }
digest() { sed -n 's/.*"digest": *"\(sha256:[0-9a-f]*\)".*/\1/p' <<<"$(tr , '\n' <"$LAB/out/index.json")"; }

stage='FROM base\nARG SOURCE_DATE_EPOCH\nLABEL epoch=$SOURCE_DATE_EPOCH\nCOPY f /'
label() { flatten --config "$LAB/out" | sed -n 's/.*"epoch": "\(.*\)".*/\1/p'; }

dockerfile "$stage"
ok "without" build
is "the stage has none" "$(label)" ""
rm -rf "$LAB/out"
ok "of the environment" env SOURCE_DATE_EPOCH=1000000000 "$KILN" build "${base[@]}" -o "type=oci,dest=$LAB/out" .
is "config" "$(created)" 2001-09-09T01:46:40Z
is "the stage has it" "$(label)" 1000000000
like "files are no newer" "$(flatten --only mtime "$LAB/out")" '\./f mtime=1000000000'
ok "a build argument" env SOURCE_DATE_EPOCH=5 "$KILN" build "${base[@]}" -o "type=oci,dest=$LAB/out2" --build-arg SOURCE_DATE_EPOCH=1100000000 .
is "wins over the environment" "$(flatten --config "$LAB/out2" | sed -n 's/^  "created": "\(.*\)",*$/\1/p')" 2004-11-09T11:33:20Z
dockerfile "ARG S=12\nARG SOURCE_DATE_EPOCH=\${S}00000000\n$stage"
ok "an ARG before the first FROM" build
is "config" "$(created)" 2008-01-10T21:20:00Z
is "the stage has it" "$(label)" 1200000000
ok "which a build argument replaces" build --build-arg SOURCE_DATE_EPOCH=1000000000
is "config" "$(created)" 2001-09-09T01:46:40Z
ok "or empties" build --build-arg SOURCE_DATE_EPOCH=
is "config: none of these" "$(created | grep -E '^(2001|2008)-')" ""
dockerfile "ARG SOURCE_DATE_EPOCH=tomorrow\n$stage"
fails "an invalid one" 1 build
like "is said with its line" "$output" 'Dockerfile:1: ARG: invalid SOURCE_DATE_EPOCH: tomorrow'
dockerfile "ARG SOURCE_DATE_EPOCH=context\n$stage"
ok "the time of a directory" build
is "is none" "$(label)" ""
dockerfile "FROM base AS other\n$stage"
fails "the time of a stage" 1 build --build-arg SOURCE_DATE_EPOCH=other
like "is not supported" "$output" 'the time of other is not supported yet'

# ---- --reproducible

dockerfile 'FROM base\nWORKDIR /w\nRUN date >/dev/null && echo x >x\nCOPY f /'
ok "--reproducible" build --reproducible
one=$(digest)
is "config" "$(created)" 1970-01-01T00:00:00Z
like "files" "$(flatten --only mtime "$LAB/out")" '\./w/x mtime=0'
sleep 1.1
touch f
ok "once more, later, elsewhere" env KILN_DIR="$LAB/kiln-other" "$KILN" build "${base[@]}" --reproducible -o "type=oci,dest=$LAB/again" .
is "the same image" "$(sed -n 's/.*"digest": *"\(sha256:[0-9a-f]*\)".*/\1/p' <<<"$(tr , '\n' <"$LAB/again/index.json")")" "$one"
baselayer=$(flatten --manifest "$LAB/busybox" | grep -o 'sha256:[0-9a-f]*' | tail -n 1)
like "base layers are as they were" "$(flatten --manifest "$LAB/out")" "$baselayer"
ok "with a time" build --reproducible --build-arg SOURCE_DATE_EPOCH=1000000000
is "that time" "$(created)" 2001-09-09T01:46:40Z
finish
