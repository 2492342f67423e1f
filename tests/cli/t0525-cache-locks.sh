#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A kiln directory and layouts on NFS, as far as flock() differs there, and where there are no locks.
. "$(dirname "$0")/../lib/lab.sh"

lab_need gcc || skip_all "$lab_reason"
gcc -shared -fPIC -o "$LAB/flock.so" "$lab_lib/locks/flock.c" || exit 1
export KILN_DIR=$LAB/kiln LD_PRELOAD=$LAB/flock.so
mkdir "$LAB/ctx"
lab_base_busybox "$LAB/busybox"
cat >"$LAB/ctx/Dockerfile" <<'EOF'
FROM base
RUN --mount=type=cache,target=/a --mount=type=cache,target=/b,sharing=locked --mount=type=cache,target=/c,sharing=private echo x >/x
EOF
build() {
    "$KILN" build --build-context "base=oci-layout://$LAB/busybox" --cache --keep-size 1GB -o "type=oci,dest=$LAB/out" "$LAB/ctx" "$@"
}
left() { find "$KILN_DIR/roots" "$KILN_DIR/store/tmp" "$KILN_DIR/cache-mounts" -mindepth 1 2>/dev/null; }

export LAB_FLOCK=nfs
ok "a build on NFS" build --isolation namespaces
is "its root is gone" "$(find "$KILN_DIR/roots" -mindepth 1)" ""
mkdir -p "$KILN_DIR/roots/s.killed/0"
sed -i 's/echo x/echo again/' "$LAB/ctx/Dockerfile"
ok "another, and a cache in a layout" build --cache-to "type=local,dest=$LAB/cache"
is "what a killed one left is gone" "$(find "$KILN_DIR/roots" -mindepth 1)" ""
mkdir -p "$KILN_DIR/roots/s.killed/0"
ok "kiln prune" "$KILN" prune
like "removes" "$output" 'removed .* 3 cache mounts'
is "all of it" "$(left)" ""

# Two at a time: the one has its root while the other looks for what is left.
sed -i 's/echo again/sleep 2; echo y/' "$LAB/ctx/Dockerfile"
build --isolation namespaces >"$LAB/log" 2>&1 &
one=$!
# shellcheck disable=SC2016
lab_wait eval '[ -n "$(find "$KILN_DIR/roots" -name busybox)" ]'
ok "a build beside another" "$KILN" build --isolation namespaces --build-context "base=oci-layout://$LAB/busybox" -f - "$LAB/ctx" <<<$'FROM base\nRUN echo z'
wait "$one"
is "which is not disturbed" $? 0
"$KILN" prune >/dev/null 2>&1

# Whoever has blobs in the store keeps pruning away, and the other way round.
"$KILN" build -q --build-context "base=oci-layout://$LAB/busybox" -o "type=docker-archive,dest=$LAB/archive" -f - "$LAB/ctx" \
    <<<'FROM base' >/dev/null
exec 8>"$KILN_DIR/lock"
flock -x 8
fails "kiln push waits for it" 124 timeout 1 "$KILN" push "$LAB/archive" -d 127.0.0.1:1/x
fails "kiln index, too" 124 timeout 1 "$KILN" index create -t 127.0.0.1:1/x 127.0.0.1:1/y
exec 8>&-
exec 8<"$KILN_DIR/lock"
flock -s 8
fails "and pruning waits for those who work there" 124 timeout 1 "$KILN" prune
like "and says so" "$output" "waiting for those who work in $KILN_DIR"
exec 8>&-
fails "nobody waits longer" 1 timeout 60 "$KILN" push --push-retry 0 "$LAB/archive" -d 127.0.0.1:1/x

export LAB_FLOCK=none
fails "no locks" 1 build
is "are an error that says so, and what to do" "$(grep '^kiln: the' <<<"$output")" \
    "kiln: the kiln directory $KILN_DIR (choose another with --kiln-dir): the file system of $KILN_DIR/lock has no locks: No locks available"
fails "kiln prune" 1 "$KILN" prune
like "says so, too" "$output" 'has no locks'
finish
