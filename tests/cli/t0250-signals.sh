#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ctrl-C and SIGTERM at any moment of a build: exit status 130 or 143, one line, everything that the build had started is ended, nothing
# temporary is left, nothing is pushed; and the next build works.
. "$(dirname "$0")/../lib/lab.sh"

export SOURCE_DATE_EPOCH=1700000000 KILN_DIR=$LAB/kiln
lab_base_busybox "$LAB/busybox"
mkdir "$LAB/ctx"
base=(--isolation namespaces --build-context "base=oci-layout://$LAB/busybox")
left() { find "$KILN_DIR/roots" "$KILN_DIR/store/tmp" "$LAB/out" -mindepth 1 2>/dev/null; }

# interrupt SIGNAL STATUS NAME READY COMMAND...: start it, wait until READY succeeds, send the signal
interrupt() {
    local sig=$1 want=$2 name=$3 ready=$4 status=0 pid
    shift 4
    rm -f "$LAB/said" # of the run before
    "$@" >"$LAB/said" 2>&1 &
    pid=$!
    lab_pids+=("$pid")
    lab_wait eval "$ready || ! kill -0 $pid"
    kill "-$sig" "$pid"
    wait "$pid" || status=$?
    is "$name: exit status" "$status" "$want"
    is "$name: one line" "$(grep -c '^kiln: ' "$LAB/said")" 1
    [ "$(grep -c '^kiln: ' "$LAB/said")" = 1 ] || tap_say "$(cat "$LAB/said")"
    is "$name: nothing is left" "$(left)" ""
}

# A background job of a shell without job control ignores SIGINT; kiln must be as it is when started by hand. exec: the job's number is kiln's.
by_hand() { exec python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$@"; }

# ---- during a command

mark=$(($$ * 10 + 900000000)) # in the command lines of this script's commands and of no others
printf 'FROM base\nRUN sleep %d & (trap "" INT TERM HUP; : >/ready; while :; do sleep %d; done)\n' $((mark + 5)) $((mark + 4)) >"$LAB/ctx/Dockerfile"
command_runs() { [ -n "$(find "$KILN_DIR/roots" -name ready 2>/dev/null)" ]; }
sleepers() { grep -lzE "^${mark%?}[0-9]$" /proc/[0-9]*/cmdline 2>/dev/null; }
interrupt INT 130 "SIGINT during a RUN that ignores it" command_runs by_hand "$KILN" build "${base[@]}" -o "type=oci,dest=$LAB/out" "$LAB/ctx"
is "its processes are ended" "$(sleepers)" ""
interrupt TERM 143 "SIGTERM during a RUN that ignores it" command_runs by_hand "$KILN" build "${base[@]}" -o "type=oci,dest=$LAB/out" "$LAB/ctx"
is "its processes are ended" "$(sleepers)" ""
printf 'FROM base\nRUN trap "echo told; exit 0" TERM; : >/ready; while :; do sleep 0.1; done\n' >"$LAB/ctx/Dockerfile"
interrupt TERM 143 "SIGTERM during a RUN that ends well" command_runs by_hand "$KILN" build "${base[@]}" "$LAB/ctx"
like "it was told" "$(cat "$LAB/said")" 'told'
printf 'FROM base\nRUN : >/ready; sleep %d\n' $((mark + 3)) >"$LAB/ctx/Dockerfile"
twice() { command_runs && kill -TERM "$(pgrep -f -n "build .*$LAB/ctx")" 2>/dev/null; }
interrupt TERM 143 "the signal twice" twice by_hand "$KILN" build "${base[@]}" "$LAB/ctx"
is "its processes are ended" "$(sleepers)" ""

# ---- during transfers: a registry that sends and takes a few bytes at a time

slow_registry() { # FAULT
    rm -f "$LAB/port"
    tail -f /dev/null | python3 "$lab_lib/registry.py" --script "{'faults': [{$1, 'times': 0}]}" --log "$LAB/log" >"$LAB/port" &
    lab_pids+=("$!")
    lab_wait test -s "$LAB/port"
    R=127.0.0.1:$(cut -d' ' -f1 "$LAB/port")
}
if lab_need skopeo; then
    head -c 3000000 /dev/urandom >"$LAB/ctx/big"
    slow_registry "'method': 'GET', 'path': 'base/blobs', 'skip': 1, 'do': 'slow', 'chunk': 1000, 'pause_ms': 300"
    skopeo copy -q --preserve-digests --dest-tls-verify=false "oci:$LAB/busybox" "docker://$R/team/base:1"
    printf 'FROM %s/team/base:1\nRUN true\n' "$R" >"$LAB/ctx/Dockerfile"
    downloads() { [ -n "$(find "$KILN_DIR/store/tmp" -type f -size +0 2>/dev/null)" ]; }
    for s in 'INT 130' 'TERM 143'; do
        # shellcheck disable=SC2086 # two words
        interrupt $s "SIG${s% *} during a pull" downloads by_hand "$KILN" build --isolation namespaces "$LAB/ctx"
        is "no half of a layer is kept" "$(cd "$KILN_DIR/store/blobs/sha256" && find . -type f -printf '%f  %f\n' | sha256sum --quiet -c 2>&1 | grep -v 'no properly formatted')" ""
    done
    slow_registry "'method': 'PUT|PATCH', 'path': 'app/blobs', 'do': 'slow', 'chunk': 1, 'pause_ms': 300"
    printf 'FROM base\nCOPY big /big\n' >"$LAB/ctx/Dockerfile"
    : >"$LAB/log"
    uploads() { grep -q 'app/blobs/uploads' "$LAB/log"; }
    interrupt TERM 143 "SIGTERM during a push" uploads by_hand "$KILN" build "${base[@]}" -t "$R/team/app:1" --push "$LAB/ctx"
    is "no manifest was pushed" "$(grep -c 'app/manifests.*PUT\|PUT.*app/manifests' "$LAB/log")" 0
else
    skip "during transfers" "$lab_reason"
fi

# ---- while files are read and written: a context with much in it

mkdir "$LAB/ctx/many"
(cd "$LAB/ctx/many" && seq 20000 | xargs touch && head -c 300000000 /dev/urandom >large)
printf 'FROM base\nCOPY . /copied/\nRUN sleep 0.01\nCOPY --from=base / /base\n' >"$LAB/ctx/Dockerfile"
for ms in 50 150 300 600; do
    pause() { [ -s "$LAB/said" ] && sleep "0.$(printf %03d "$ms")"; }
    interrupt TERM 143 "SIGTERM after $ms ms of a copy" pause by_hand "$KILN" build "${base[@]}" -o "type=oci,dest=$LAB/out" --compression-level 9 "$LAB/ctx"
done

# ---- and then

printf 'FROM base\nRUN echo fine >/fine\n' >"$LAB/ctx/Dockerfile"
ok "the next build works" "$KILN" build "${base[@]}" "$LAB/ctx"
finish
