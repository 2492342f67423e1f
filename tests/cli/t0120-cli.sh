#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The command line: what is wrong with it, the Dockerfile, the context or the machine is said in one clear line, the exit status is
# not 0, and nothing is left behind. Then the options of executor, by name.
. "$(dirname "$0")/../lib/lab.sh"

KILN=$(realpath "$KILN")
export KILN_DIR=$LAB/kiln SOURCE_DATE_EPOCH=1700000000
lab_base_busybox "$LAB/busybox" --tag one
lab_base_busybox "$LAB/arm" --platform linux/arm64
mkdir "$LAB/ctx" "$LAB/empty"
cd "$LAB/ctx" || exit 1
echo hello >f

dockerfile() { printf '%b\n' "$1" >"$LAB/ctx/Dockerfile"; }

left() { find "$KILN_DIR/store/tmp" "$KILN_DIR/roots" "$LAB/out" -mindepth 1 2>/dev/null; }

# wrong NAME REGEX COMMAND...: exit status 1; one line of the program's own that matches; nothing left
wrong() {
    local name=$1 regex=$2 status=0 text said
    shift 2
    text=$("$@" 2>&1 >/dev/null) || status=$?
    said=$(grep '^kiln: ' <<<"$text")
    is "$name" "$status $(wc -l <<<"$said") $(left)" "1 1 "
    like "$name: says so" "$said" "$regex"
}

dockerfile 'FROM scratch\nCOPY f /'

# ---- options

wrong "unknown option" 'unknown option --nosuch' "$KILN" build --nosuch .
wrong "misspelt option" 'unknown option --platfrom \(did you mean --platform\?\)' "$KILN" build --platfrom linux/amd64 .
wrong "unknown command" 'unknown command "frobnicate"' "$KILN" frobnicate
wrong "option without its value" '--tag needs a value' "$KILN" build -t
wrong "switch with a wrong value" '--push=maybe: expected true or false' "$KILN" build --push=maybe .
wrong "bad reference" '"Bad:Ref:x": the repository name must be lower case' "$KILN" build -t Bad:Ref:x .
wrong "push without a name" '--push needs a name' "$KILN" build --push .
wrong "two contexts" 'unexpected argument "extra"' "$KILN" build . extra
wrong "output without a place" 'dest=PATH is missing' "$KILN" build -o type=oci .
wrong "unknown output" 'type=nosuch is not supported' "$KILN" build -o type=nosuch,dest=x .
wrong "label without a value" '--label x: expected KEY=VALUE' "$KILN" build --label x .
wrong "build argument without a name" '--build-arg =x: the key is empty' "$KILN" build --build-arg =x .
wrong "unknown compression" '--compression lz4: choose gzip, zstd or none' "$KILN" build --compression lz4 .
wrong "unknown isolation" '--isolation chroot: choose auto, namespaces or inplace' "$KILN" build --isolation chroot .
wrong "unknown verbosity" '--verbosity loud: choose' "$KILN" build -v loud .
wrong "bad platform" 'a/b/c/d/e' "$KILN" build --platform a/b/c/d/e .
wrong "bad epoch" 'invalid SOURCE_DATE_EPOCH: tomorrow' env SOURCE_DATE_EPOCH=tomorrow "$KILN" build .
ok "help" "$KILN" build --help
like "names the options" "$output" '--build-arg'
ok "help of executor" bash -c 'exec -a executor "$1" --help' bash "$KILN"
like "names kaniko's" "$output" '--destination'

# ---- Dockerfile and context

wrong "no Dockerfile" "no Dockerfile in the context $LAB/empty" "$KILN" build "$LAB/empty"
wrong "no such Dockerfile" 'there is no nosuch in the context' "$KILN" build -f nosuch .
wrong "no context" "the context $LAB/nosuch does not exist" "$KILN" build "$LAB/nosuch"
wrong "a file as context" 'is not a directory' "$KILN" build f
wrong "no such stage" 'target stage "nosuch" could not be found' "$KILN" build --target nosuch .
dockerfile 'FROM scratch\nCOPPY f /'
wrong "unknown instruction" 'Dockerfile:2: unknown instruction: COPPY \(did you mean COPY\?\)' "$KILN" build .
dockerfile 'FROM scratch\nCOPY f /\nENV a="b'
wrong "syntax error" 'Dockerfile:3: .*double-quote' "$KILN" build .
dockerfile 'FROM scratch\nCOPY --chmood=1 f /'
wrong "unknown flag" 'Dockerfile:2: .*unknown flag: --chmood \(did you mean (--)?chmod\?\)' "$KILN" build .
dockerfile 'FROM scratch\nCOPY nosuch /'
wrong "missing source" 'Dockerfile:2: COPY: "/nosuch": not found' "$KILN" build -o "type=oci,dest=$LAB/out" .
dockerfile 'FROM base\nRUN --mount=type=cache,target=/c,from=files true'
wrong "not built yet" 'Dockerfile:2: .*not supported yet' "$KILN" build --build-context files=. --build-context "base=oci-layout://$LAB/busybox" .
# 2^40 bytes of names, and a gigabyte of values one by one
dockerfile "FROM scratch\nENV A0=0123456789\n$(for i in $(seq 40); do printf 'ENV A%d=$A%d$A%d\\n' "$i" $((i - 1)) $((i - 1)); done)"
wrong "variables that double" 'Dockerfile:[0-9]+: .*larger than 1048576 bytes' "$KILN" build .
dockerfile "FROM scratch\nENV A=$(printf '%01000d' 0)\nENV B=$(printf '$A%.0s' $(seq 1000))\n$(for i in $(seq 1000); do printf 'ENV B%d=$B\\n' "$i"; done)"
wrong "variables that grow without end" 'Dockerfile:[0-9]+: .*more than 33554432 bytes' "$KILN" build .
# 300 stages that are all in use, each with the three megabytes of the first
dockerfile "FROM scratch AS s\nENV A=$(printf '%01000d' 0)\nENV B=$(printf '$A%.0s' $(seq 1000))\nENV C=\$B\nENV D=\$B\n$(for i in $(seq 300); do printf 'FROM s AS s%d\nCOPY f /\n' "$i"; done)\nFROM scratch\n$(for i in $(seq 300); do printf 'COPY --from=s%d /f /\n' "$i"; done)"
wrong "stages that take too much memory" 'the stages take more than 536870912 bytes' "$KILN" build -o "type=oci,dest=$LAB/out" .

# ---- bases

dockerfile 'FROM base\nCOPY f /'
wrong "layout that is not there" "$LAB/nosuch.*No such file" "$KILN" build --build-context "base=oci-layout://$LAB/nosuch" .
wrong "tag that is not in it" 'no image "two" in it' "$KILN" build --build-context "base=oci-layout://$LAB/busybox:two" .
ok "base for another platform" env KILN_DIR="$LAB/kiln-other" "$KILN" build --platform linux/amd64 --build-context "base=oci-layout://$LAB/arm" .
like "is used, with a warning" "$output" 'InvalidBaseImagePlatform: the image base is for linux/arm64, not for linux/amd64'
dockerfile 'FROM 127.0.0.1:1/x\nRUN true'
wrong "unreachable registry" 'Dockerfile:1: .*127\.0\.0\.1:1/x: .*onnect' "$KILN" build .
dockerfile 'FROM scratch\nCOPY f /'
wrong "unreachable target" '127\.0\.0\.1:1/x.*onnect' "$KILN" build -t 127.0.0.1:1/x --push .
cp -r "$LAB/busybox" "$LAB/damaged"
layer=$(flatten --manifest "$LAB/damaged:one" | sed -n 's/.*"digest": "sha256:\([0-9a-f]*\)".*/\1/p' | tail -n 1)
printf x | dd of="$LAB/damaged/blobs/sha256/$layer" bs=1 seek=1000 conv=notrunc status=none
dockerfile 'FROM base\nRUN true'
wrong "damaged layer" 'damaged|layer 1 of 1' "$KILN" build --build-context "base=oci-layout://$LAB/damaged" -o "type=oci,dest=$LAB/out" .

# ---- places

dockerfile 'FROM scratch\nCOPY f /'
wrong "output that is a file" "output $LAB/ctx/f: .*is not a directory" "$KILN" build -o "type=oci,dest=$LAB/ctx/f" .
wrong "archive in no directory" "output $LAB/nosuch/x.tar: the directory $LAB/nosuch: No such file" \
    "$KILN" build -o "type=docker-archive,dest=$LAB/nosuch/x.tar" .
wrong "digest file that is a directory" "--digest-file: $LAB/empty is a directory" "$KILN" build --digest-file "$LAB/empty" .
wrong "work directory that is a file" "the kiln directory $LAB/ctx/f .*is not a directory" "$KILN" build --kiln-dir f .
if [ "$(id -u)" = 0 ]; then
    mkdir "$LAB/tiny"
    mount -t tmpfs -o size=300k none "$LAB/tiny"
    head -c 2000000 /dev/urandom >big
    dockerfile 'FROM scratch\nCOPY big /'
    KILN_DIR=$LAB/tiny
    wrong "full disk" "Dockerfile:2: COPY: .*$LAB/tiny.*No space left on device .*--kiln-dir" "$KILN" build .
    is "leaves the disk as free as before" "$(find "$LAB/tiny" -size +4k)" ""
    mkdir "$LAB/tiny-out"
    mount -t tmpfs -o size=300k none "$LAB/tiny-out"
    KILN_DIR=$LAB/kiln
    wrong "full disk of an archive" "output $LAB/tiny-out/x.tar.*No space left" \
        "$KILN" build -o "type=docker-archive,dest=$LAB/tiny-out/x.tar" .
    is "leaves no half of it" "$(ls -A "$LAB/tiny-out")" ""
    KILN_DIR=$LAB/tiny
    mount -o remount,ro "$LAB/tiny"
    wrong "read-only work directory" "the kiln directory $LAB/tiny .*Read-only file system" "$KILN" build .
    KILN_DIR=$LAB/tiny/below
    wrong "work directory on a read-only disk" "the kiln directory $LAB/tiny/below .*Read-only file system" "$KILN" build .
    KILN_DIR=$LAB/kiln
else
    skip "full and read-only disks" "needs root, to mount some"
fi

# ---- exit statuses

dockerfile 'FROM base\nRUN exit 42'
base=(--build-context "base=oci-layout://$LAB/busybox")
fails "a command's own exit status" 42 "$KILN" build "${base[@]}" .
dockerfile 'FROM base\nRUN kill -9 $$'
fails "killed by a signal" 255 "$KILN" build "${base[@]}" .

# ---- standard output

dockerfile 'FROM base\nRUN echo from the command; echo err >&2'
is "what commands print goes to standard output" "$("$KILN" build "${base[@]}" . 2>/dev/null)" "from the command"
like "--quiet: only the digest does" "$("$KILN" build -q "${base[@]}" . 2>/dev/null)" '^sha256:[0-9a-f]{64}$'
ok "an archive on standard output is whole" bash -c '"$@" >"$0"' "$LAB/piped.tar" "$KILN" build "${base[@]}" -o type=oci,dest=- .
ok "and sound" flatten --check --since 2 "$LAB/piped.tar"

# ---- executor

ln -s "$KILN" "$LAB/executor"
executor() { "$LAB/executor" "${base[@]}" "$@"; }
mkdir "$LAB/ws" "$LAB/ws/sub" "$LAB/x"
echo sub >"$LAB/ws/sub/f"
printf 'FROM base AS one\nARG WHO=nobody\nCOPY f /f\nRUN echo "$WHO" >/who\nFROM one AS two\nLABEL two=2\n' >"$LAB/ws/sub/Dockerfile.x"
ok "--context --dockerfile --no-push --tar-path --oci-layout-path --digest-file --build-arg --target --context-sub-path" \
    executor --context "$LAB/ws" --context-sub-path sub --dockerfile Dockerfile.x --no-push --tar-path "$LAB/x/image.tar" --oci-layout-path "$LAB/x/layout" \
    --digest-file "$LAB/x/digest" --build-arg WHO=me --target ONE --destination registry.test/a/b:c \
    --image-name-with-digest-file "$LAB/x/named" --image-name-tag-with-digest-file "$LAB/x/tagged" \
    --label by=executor --verbosity debug --log-format text --custom-platform "linux/$(flatten --config "$LAB/busybox" | sed -n 's/.*"architecture": "\(.*\)",/\1/p')"
digest=$(cat "$LAB/x/digest")
like "the digest file" "$digest" '^sha256:[0-9a-f]{64}$'
is "the file of names" "$(cat "$LAB/x/named")" "registry.test/a/b@$digest"
is "the file of names and tags" "$(cat "$LAB/x/tagged")" "registry.test/a/b:c@$digest"
ok "the layout has that digest" test -f "$LAB/x/layout/blobs/sha256/${digest#sha256:}"
like "the build argument arrived" "$(flatten --only content "$LAB/x/layout")" './who data="me\\n"'
is "the archive holds the same files" "$(flatten "$LAB/x/image.tar")" "$(flatten "$LAB/x/layout")"
like "under its name" "$(tar -xOf "$LAB/x/image.tar" manifest.json)" 'registry.test/a/b:c'
like "the label is set" "$(flatten --config "$LAB/x/layout")" '"by": "executor"'
ok "the layout is written once more" executor --context "$LAB/ws" --context-sub-path sub --dockerfile Dockerfile.x --no-push --oci-layout-path "$LAB/x/layout" --target one
is "and lists that image only" "$(grep -c '"digest"' <<<"$(tr , '\n' <"$LAB/x/layout/index.json")")" 1
printf 'FROM base AS one\nRUN echo one >/1\nFROM base AS bad\nRUN exit 7\nFROM base AS two\nCOPY --from=one /1 /2\nFROM base\nRUN exit 8\n' >"$LAB/ws/Dockerfile.targets"
targets() { executor --context "$LAB/ws" --dockerfile Dockerfile.targets --no-push "$@"; }
ok "--target, one" targets --target two --digest-file "$LAB/x/two"
ok "--target, two of them" targets --target two,ONE --digest-file "$LAB/x/both"
is "the first is the image" "$(cat "$LAB/x/both")" "$(cat "$LAB/x/two")"
ok "--target twice, in the other order" targets --target one --target two --digest-file "$LAB/x/first" --oci-layout-path "$LAB/x/first-image"
like "the first is the image again" "$(flatten --only content "$LAB/x/first-image")" './1 data="one'
fails "--target: the others are built, too" 7 targets --target two --target bad
fails "--target: and must be there" 1 targets --target two,nosuch
like "which is said" "$output" 'target stage "nosuch" could not be found'
printf 'FROM scratch\nARG A=default B=default\nLABEL a="[$A]" b="[$B]"\n' >"$LAB/ws/Dockerfile.args"
ok "build arguments without a value" env B=from-env "$LAB/executor" --context "$LAB/ws" --dockerfile Dockerfile.args --no-push --build-arg A --build-arg B \
    --oci-layout-path "$LAB/x/args"
is "are the environment's, or empty" "$(flatten --config "$LAB/x/args" | grep -oE '"[ab]": "[^"]*"' | tr '\n' ' ')" '"a": "[]" "b": "[from-env]" '
wrong "without a destination" 'you must provide --destination, or use --no-push' "$LAB/executor" --context "$LAB/ws" --dockerfile sub/Dockerfile.x
wrong "executor: everything ignored" '--ignore-path "/": that is the whole root file system' executor --context "$LAB/ws" --no-push --ignore-path /
wrong "executor: a pattern that is none" '--ignore-path /x/\[a: the pattern is not closed' executor --context "$LAB/ws" --no-push --ignore-path '/x/[a'
wrong "executor: what kiln never does" '--materialize cannot be done' executor --context "$LAB/ws" --no-push --materialize
wrong "executor: misspelt" 'unknown option --destnation \(did you mean --destination\?\)' executor --destnation x
ok "options that tune kaniko are taken" executor -c "$LAB/ws/sub" -f Dockerfile.x --no-push --snapshot-mode=redo --use-new-run --compressed-caching=false \
    --skip-unused-stages --insecure --insecure-pull --skip-tls-verify --skip-tls-verify-pull --registry-mirror mirror.test --registry-map 'a.test=b.test' \
    --insecure-registry a.test --skip-tls-verify-registry a.test --push-retry 2 --image-download-retry 2 --force
finish
