#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Dockerfiles, contexts and commands that mean harm or leave odd things behind; signals and failures in the middle: one clear line,
# nothing left, and an image that holds what it should.
. "$(dirname "$0")/../lib/lab.sh"

KILN=$(realpath "$KILN")
export KILN_DIR=$LAB/kiln SOURCE_DATE_EPOCH=1700000000
lab_base_busybox "$LAB/busybox"
base=(--build-context "base=oci-layout://$LAB/busybox")
mkdir "$LAB/ctx"
cd "$LAB/ctx" || exit 1
echo hello >f

dockerfile() { printf '%b\n' "$1" >"$LAB/ctx/Dockerfile"; }
repeat() { printf "%.0s$2" $(seq "$1"); }
left() { find "$KILN_DIR/store/tmp" "$KILN_DIR/roots" "$LAB/out" -mindepth 1 2>/dev/null; }
build() { "$KILN" build "${base[@]}" -o "type=oci,dest=$LAB/out" .; }

# wrong NAME REGEX: the build fails with one line that matches, and leaves nothing
wrong() {
    fails "$1" 1 build
    is "$1: one line" "$(grep -c '^kiln: ' <<<"$output")" 1
    like "$1: says so" "$(grep '^kiln: ' <<<"$output")" "$2"
    is "$1: leaves nothing" "$(left)" ""
}

# right NAME ERE...: the build succeeds, and each expression matches a line of the image's listing
right() {
    local name=$1 listing
    shift
    ok "$name" build
    listing=$(flatten --only type,mode,content,target,nlink "$LAB/out")
    rm -rf "$LAB/out"
    for want in "$@"; do
        is "$name: $want" "$(grep -cE -- "$want" <<<"$listing")" 1
    done
}

# ---- too much of everything

{ echo 'FROM scratch AS s0' && for i in $(seq 1500); do echo "FROM s$((i - 1)) AS s$i"; done; } >Dockerfile
wrong "stages without end" 'more than 1000 stages'
{ echo 'FROM scratch' && for i in $(seq 11000); do echo "ENV a$i=b"; done; } >Dockerfile
wrong "variables without end" 'ENV: the image would have more than 10000'
{ echo 'FROM scratch' && echo -n 'LABEL' && for i in $(seq 11000); do printf " a$i=b \\\\\n"; done; echo " z=1"; } >Dockerfile
wrong "labels without end" 'LABEL: the image would have more than 10000'
dockerfile "FROM scratch\nWORKDIR $(repeat 3000 /a)"
wrong "a working directory without end" 'a path in the image is larger than 4095 bytes'
dockerfile "FROM scratch AS a\nCOPY f $(repeat 1500 /d)/\nFROM scratch\nCOPY --from=a / $(repeat 1500 /e)/"
wrong "a copy of a deep tree into a deep tree" 'is larger than 4095 bytes'

# ---- names that are none

dockerfile 'FROM scratch\nCOPY <<.. /\nx\n..'
wrong "a heredoc called .." '"\.\." is not the name of a file'
dockerfile 'FROM scratch\nCOPY f /d/.wh.x'
wrong "a copy that would mean a deletion" '/d/\.wh\.x: an image cannot hold'

if ! "$KILN" build "${base[@]}" -f <(printf 'FROM base\nRUN true\n') . >"$LAB/log" 2>&1; then
    skip "commands" "none can run here: $(tail -n 1 "$LAB/log")"
    finish
    exit
fi

# ---- what commands leave behind

dockerfile "FROM base\nRUN mkdir $(repeat 200 n); for i in \$(seq 30); do mkdir t && mv n* t/ && mv t $(repeat 200 n) || exit 1; done"
wrong "directories deeper than any path" 'the path of a file in the image is larger than 4095 bytes'
dockerfile "FROM base\nRUN echo $(repeat 3000 long) >/dev/null; exit 3"
fails "a long command" 3 build
like "its status is not cut off" "$output" 'exit code: 3'
dockerfile 'FROM base\nRUN <<E\necho first\nfalse\nE'
fails "a command of several lines" 1 build
like "its status is in the first line" "$(grep '^kiln: ' <<<"$output")" 'exit code: 1'
dockerfile 'FROM base
RUN mkdir -p /odd/dir /odd/closed /odd/fifo && echo 1 >/odd/closed/in && echo 2 >/odd/linked && ln /odd/linked /odd/other && touch /odd/was-file
RUN cd /odd && touch "$(printf "new\\\\nline")" && chmod 0 closed && rmdir fifo && mkfifo fifo && rm was-file && mkdir was-file && touch was-file/x && rm linked && nc -ll -U socket & sleep 1; [ -S /odd/socket ] || true
COPY f /odd/fifo
COPY f /odd/closed/f'
right "odd files" '^\./odd/new\\012line type=file' '^\./odd/closed type=dir mode=0000' '^\./odd/closed/in .*data="1' '^\./odd/closed/f .*data="hello' \
    '^\./odd/other .*data="2' '^\./odd/was-file/x type=file' '^\./odd/fifo .*data="hello'
dockerfile 'FROM base
RUN mkdir /d /etc/inside && rm -rf /d && ln -s /etc /d && ln -s ../../../../../etc/inside /up
COPY f /d/through
COPY f /up/through
WORKDIR /d/work
RUN ln -s loop /loop && pwd -P >/where'
right "links to elsewhere" '^\./etc/through .*data="hello' '^\./etc/inside/through .*data="hello' '^\./etc/work type=dir' '^\./where .*data="/etc/work'
is "nothing went through them" "$(ls -d /etc/through /etc/inside /etc/work 2>/dev/null)" ""
dockerfile 'FROM base\nRUN ln -s loop /loop\nCOPY f /loop/x'
wrong "a link to itself" 'COPY: .*loop.*symbolic links'
dockerfile 'FROM base\nRUN rm -rf /tmp/x; echo 1 >/a; ln /a /b; ln /a /c\nRUN rm /a; echo 2 >/b.new; mv /b.new /b\nRUN ln /c /d; chmod 600 /d'
right "hard links over layers" '^\./b .*data="2' '^\./c type=file mode=0600 .*data="1' '^\./d type=file mode=0600'

# ---- signals and failures in the middle

# stopped NAME REGEX: kiln gets SIGTERM when its output matches
stopped() {
    local pid status=0
    rm -f "$LAB/log" # of the run before
    setsid "$KILN" build "${base[@]}" -o "type=oci,dest=$LAB/out" . >"$LAB/log" 2>&1 &
    pid=$!
    lab_wait grep -q "$2" "$LAB/log"
    kill -TERM "$pid"
    wait "$pid" || status=$?
    is "$1: exit status" "$status" 143
    like "$1: says so" "$(cat "$LAB/log")" 'stopped by SIGTERM'
    is "$1: leaves nothing" "$(left)" ""
}

truncate -s 1T "$LAB/ctx/huge"
dockerfile 'FROM scratch\nCOPY huge /'
stopped "SIGTERM in a COPY" 'COPY huge'
dockerfile 'FROM base\nRUN true\nCOPY huge /'
stopped "SIGTERM in a COPY onto a disk" 'COPY huge'
rm "$LAB/ctx/huge"
dockerfile 'FROM base\nRUN echo it runs; sleep 1000'
stopped "SIGTERM in a RUN" 'it runs'

coproc REGISTRY { exec python3 "$lab_lib/registry.py" --script "{'repos': {'x/y': {'blobs': [], 'manifests': {'latest': {'layers': [{'size': 100000}],
    'config': {'rootfs': {'type': 'layers', 'diff_ids': ['sha256:$(repeat 64 0)']}}}}}},
    'faults': [{'method': 'GET', 'path': '/blobs/', 'skip': 1, 'do': 'stall', 'after': 1000, 'times': 0}]}"; }
lab_pids+=("$REGISTRY_PID")
read -r port _ <&"${REGISTRY[0]}"
dockerfile "FROM 127.0.0.1:$port/x/y\nENV a=\${nosuch:?stop-here}\nCOPY f /"
fails "a failure while a download hangs" 1 timeout 50 "$KILN" build .
like "is told at once" "$output" 'nosuch: stop-here'
is "and leaves nothing" "$(left)" ""
finish
