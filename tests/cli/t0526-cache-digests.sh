#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a kiln directory remembers of files is not believed of other files on another file system that looks the same: device, inode
# numbers, sizes and times, as tools make them that write whole file systems.
. "$(dirname "$0")/../lib/lab.sh"

lab_need mke2fs debugfs || skip_all "$lab_reason"
[ "$(id -u)" = 0 ] || skip_all "needs root"
mkdir "$LAB/a" "$LAB/b" "$LAB/mnt"
export KILN_DIR=$LAB/kiln
printf 'FROM scratch\nCOPY f /\n' >"$LAB/Dockerfile"
for x in a b; do
    head -c 9000000 /dev/zero | tr '\0' $x >"$LAB/$x/f"
    touch -d @1600000000 "$LAB/$x/f"
done

# image NAME UUID NANOSECONDS: of the directory of that name
image() {
    rm -f "$LAB/$1.img"
    truncate -s 16M "$LAB/$1.img"
    mke2fs -q -t ext4 -I 256 -U "$2" -d "$LAB/$1" "$LAB/$1.img" || return 1
    debugfs -w -f - "$LAB/$1.img" >/dev/null 2>&1 <<<"sif f ctime 20200913122640
sif f ctime_extra $(($3 * 4))"
}
# built NAME [OPTION...]: the image of a build from there
built() {
    mount -o loop,ro "$LAB/$1.img" "$LAB/mnt" || return 1
    stat -c '%d %i %s %Y %z' "$LAB/mnt/f" >>"$LAB/stamps"
    "$KILN" build -q "${@:2}" -o "type=oci,dest=$LAB/out.$1" -f "$LAB/Dockerfile" "$LAB/mnt"
    umount "$LAB/mnt"
}
stamps() { sort -u "$LAB/stamps" | wc -l; }

image a 00000000-0000-4000-8000-000000000001 7
image b 00000000-0000-4000-8000-000000000002 7
mount -o loop,ro "$LAB/a.img" "$LAB/mnt" 2>/dev/null || skip_all "nothing can be mounted from a file"
umount "$LAB/mnt"
a=$(built a) b=$(built b)
is "a file on one file system" "$(built a --cache)" "$a"
ok "is remembered" test -s "$KILN_DIR/digests"
is "that on another, which has another name, is not taken for it" "$(built b --cache)" "$b"
is "although it looks the same" "$(stamps)" 1

: >"$LAB/stamps"
rm -r "$KILN_DIR"
image a 00000000-0000-4000-8000-000000000003 0
image b 00000000-0000-4000-8000-000000000003 0
is "a file" "$(built a --cache)" "$a"
is "and one on a file system of the same name" "$(built b --cache)" "$b"
is "that looks the same" "$(stamps)" 1
finish
