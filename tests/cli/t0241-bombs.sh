#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Layers that unpack to far more than they are: ten gigabytes of zeros in a file or behind the archive's end, a directory with a million
# entries. Memory is bounded, read into the tree alone and onto a disk.
. "$(dirname "$0")/../lib/lab.sh"

export SOURCE_DATE_EPOCH=1700000000 KILN_DIR=$LAB/kiln
hostile() { python3 "$lab_lib/hostile.py" "$@"; }
mkdir "$LAB/ctx"
echo f >"$LAB/ctx/f"
lab_base_busybox "$LAB/busybox"

# peak COMMAND...: runs it; the memory of the largest of its processes, in MiB, in $peak
peak() {
    python3 -c 'import resource, subprocess, sys
status = subprocess.run(sys.argv[2:], stdout=open(sys.argv[1] + ".out", "w"), stderr=subprocess.STDOUT).returncode
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024))
sys.exit(status)' "$LAB/peak" "$@"
    local status=$?
    peak=$(cat "$LAB/peak")
    return $status
}
big() { # WAY
    local way=$1
    printf '%b\n' "${dockerfile[$way]}" >"$LAB/ctx/Dockerfile"
    peak "$KILN" build --isolation namespaces --build-context "hostile=oci-layout://$LAB/hostile" --build-context "tools=oci-layout://$LAB/busybox" "$LAB/ctx"
}
declare -A dockerfile
dockerfile[tree]='FROM hostile\nCOPY f /new/f'
dockerfile[run]='FROM hostile\nCOPY --from=tools /bin/busybox /tools/busybox\nRUN ["/tools/busybox", "true"]'
[ "$(id -u)" != 0 ] || { mkdir -p "$KILN_DIR" && mount -t tmpfs -o size=4g,nr_inodes=3m none "$KILN_DIR"; }
for kind in zeros padding million; do
    limit=64
    [ $kind != million ] || limit=300 # 200 bytes for a file, and what goes with them
    rm -rf "$LAB/hostile"
    hostile layer "$LAB/hostile" "$kind"
    for way in tree run; do
        status=0
        big $way || status=$?
        is "$kind, $way" "$status $(grep '^kiln:' "$LAB/peak.out")" "0 "
        ok "$kind, $way: $peak MiB are at most $limit" test "$peak" -le "$limit"
    done
    rm -rf "${KILN_DIR:?}"/*
done
finish
