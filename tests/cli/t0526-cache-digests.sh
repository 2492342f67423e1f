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

# make_image NAME UUID NANOSECONDS: of the directory of that name
make_image() {
    rm -f "$LAB/$1.img"
    truncate -s 16M "$LAB/$1.img"
    mke2fs -q -t ext4 -I 256 -U "$2" -d "$LAB/$1" "$LAB/$1.img" || return 1
    debugfs -w -f - "$LAB/$1.img" >/dev/null 2>&1 <<<"sif f ctime 20200913122640
sif f ctime_extra $(($3 * 4))"
}
stamp() { stat -c '%d %i %s %Y %z' "$LAB/mnt/f"; }
# looks_the_same NAME: mount that image, so that its file looks as that of the first. Its device may be in use for a while: mounts are
# copied into the name spaces of all that is started meanwhile, on the whole machine.
looks_the_same() {
    mount -o loop,ro "$LAB/$1.img" "$LAB/mnt" || return 1
    [ -n "$look" ] || look=$(stamp)
    [ "$(stamp)" = "$look" ] || { umount "$LAB/mnt"; return 1; }
}
# built NAME [OPTION...]: sets image to that of a build from there
built() {
    if ! lab_wait looks_the_same "$1"; then
        skip "the rest" "the first device is not free any more"
        finish
        exit
    fi
    image=$("$KILN" build -q "${@:2}" -o "type=oci,dest=$LAB/out.$1" -f "$LAB/Dockerfile" "$LAB/mnt")
    umount "$LAB/mnt"
}

make_image a 00000000-0000-4000-8000-000000000001 7
make_image b 00000000-0000-4000-8000-000000000002 7
mount -o loop,ro "$LAB/a.img" "$LAB/mnt" 2>/dev/null || skip_all "nothing can be mounted from a file"
umount "$LAB/mnt"
look=''
built a
a=$image
built b
b=$image
built a --cache
is "a file on one file system" "$image" "$a"
ok "is remembered" test -s "$KILN_DIR/digests"
built b --cache
is "that on another, which looks the same but has another name, is not taken for it" "$image" "$b"

rm -r "$KILN_DIR"
make_image a 00000000-0000-4000-8000-000000000003 0
make_image b 00000000-0000-4000-8000-000000000003 0
look=''
built a --cache
is "a file" "$image" "$a"
built b --cache
is "and one on a file system that looks the same and has the same name" "$image" "$b"
finish
