#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A file system whose clock knows whole seconds only, as ext4 with inodes of 128 bytes does: what changes within one is not overlooked.
. "$(dirname "$0")/../lib/lab.sh"

lab_need mke2fs || skip_all "$lab_reason"
[ "$(id -u)" = 0 ] || skip_all "needs root"
mkdir "$LAB/mnt"
truncate -s 200M "$LAB/img"
mke2fs -q -t ext4 -I 128 "$LAB/img" >/dev/null 2>&1
mount -o loop "$LAB/img" "$LAB/mnt" 2>/dev/null || skip_all "nothing can be mounted from a file"
lab_base_busybox "$LAB/busybox"
mkdir "$LAB/mnt/ctx"

printf 'FROM base\nRUN echo a >/f\nRUN echo b >/f\n' >"$LAB/mnt/ctx/Dockerfile"
ok "two commands in a second" "$KILN" build --kiln-dir "$LAB/mnt/kiln" --build-context "base=oci-layout://$LAB/busybox" -o "type=oci,dest=$LAB/out" \
    "$LAB/mnt/ctx"
like "what the second wrote is in the image" "$(flatten --only content "$LAB/out")" './f data="b'
printf 'FROM scratch\nCOPY f /\n' >"$LAB/mnt/ctx/Dockerfile"
echo a >"$LAB/mnt/ctx/f"
written=$(stat -c %Z "$LAB/mnt/ctx/f")
ok "a file that was written just now" "$KILN" build --kiln-dir "$LAB/mnt/kiln" --cache -o "type=oci,dest=$LAB/out2" "$LAB/mnt/ctx"
is "is read when all that is written later has another time" "$([ "$(date +%s)" -gt "$written" ] && echo later)" later
umount "$LAB/mnt"
finish
