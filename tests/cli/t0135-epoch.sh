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

# ---- by name: of a context, a build context, a stage

fails "the time of an image" 1 build --build-arg SOURCE_DATE_EPOCH=base
like "is none" "$output" 'base is an image, which has no time of its own'
dockerfile "FROM base AS other\n$stage"
fails "the time of a stage with files of all kinds" 1 build --build-arg SOURCE_DATE_EPOCH=other
like "is not known" "$output" 'invalid SOURCE_DATE_EPOCH: other \(expected seconds'
dockerfile "ARG SOURCE_DATE_EPOCH=files\n$stage"
ok "a build context that is a directory" build --build-context files="$LAB/ctx"
is "has none" "$(label)" ""

if lab_need git; then
    mkdir -p "$LAB/web" "$LAB/repo"
    export HOME=$LAB GIT_AUTHOR_DATE=@1234567890 GIT_COMMITTER_DATE=@1234567890
    (cd "$LAB/repo" && git init -q -b main && echo hello >f && printf "$stage\n" >Dockerfile && git add . &&
        git -c user.name=lab -c user.email=lab@example.invalid commit -qm one && git clone -q --bare . "$LAB/web/r.git")
    tar -C "$LAB/ctx" -cf "$LAB/web/ctx.tar" f Dockerfile
    touch -d @1300000000 "$LAB/web/ctx.tar"
    lab_files_start "$LAB/web"
    repository=$LAB_FILES/git/r.git
    dockerfile "ARG SOURCE_DATE_EPOCH=files\n$stage"
    ok "a build context that is a repository" build --build-context files="$repository"
    is "is as old as the commit" "$(created) $(label)" "2009-02-13T23:31:30Z 1234567890"
    ok "one that is an archive" build --build-context files="$LAB_FILES/file/ctx.tar"
    is "is as old as the server says" "$(created) $(label)" "2011-03-13T07:06:40Z 1300000000"
    dockerfile "ARG SOURCE_DATE_EPOCH=Source\nFROM scratch AS source\nARG NAME=ctx\nADD $LAB_FILES/file/\$NAME.tar /\n$stage"
    ok "a stage that adds one file" build
    is "is as old" "$(label)" 1300000000
    dockerfile "FROM scratch AS source\nADD $repository /\n$stage"
    ok "a stage that adds a repository" build --build-arg SOURCE_DATE_EPOCH=source
    is "is as old" "$(label)" 1234567890
    dockerfile "FROM scratch AS source\nADD $LAB_FILES/file/ctx.tar /\nCOPY f /\n$stage"
    fails "a stage with something else" 1 build --build-arg SOURCE_DATE_EPOCH=source
    like "is not known" "$output" 'invalid SOURCE_DATE_EPOCH: source'
    dockerfile "FROM scratch AS source\nADD $LAB_FILES/file/nosuch /\n$stage"
    fails "a stage whose file is not there" 1 build --build-arg SOURCE_DATE_EPOCH=source
    like "is said with its line" "$output" 'Dockerfile:2: ADD: .*404'
    ok "the context" env SOURCE_DATE_EPOCH=context "$KILN" build "${base[@]}" -o "type=oci,dest=$LAB/out3" "$repository"
    is "is as old as the commit" "$(flatten --config "$LAB/out3" | sed -n 's/^  "created": "\(.*\)",*$/\1/p')" 2009-02-13T23:31:30Z
else
    skip "by name" "$lab_reason"
fi

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
