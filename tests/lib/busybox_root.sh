#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make the root file system of a small base image: a static busybox with a link for each applet, and a few users.
#   busybox_root.sh DIR
set -eu
busybox=$(command -v busybox) || { echo "busybox is not installed" >&2; exit 1; }
if ldd "$busybox" 2>/dev/null | grep -q '=>'; then
    echo "$busybox is not static: package busybox-static" >&2
    exit 1
fi
umask 022
mkdir -p "$1"
cd "$1"
mkdir -p bin etc root tmp var/tmp usr/bin home/user
cp "$busybox" bin/busybox
chmod 755 bin/busybox
"$busybox" --list | while read -r applet; do
    [ "$applet" = busybox ] || ln -s busybox "bin/$applet"
done
printf '%s\n' root:x:0:0:root:/root:/bin/sh daemon:x:1:1:daemon:/:/bin/sh user:x:1000:1000:user:/home/user:/bin/sh \
    nobody:x:65534:65534:nobody:/:/bin/false >etc/passwd
printf '%s\n' root:x:0: daemon:x:1: adm:x:4:user staff:x:50: user:x:1000: nogroup:x:65534: >etc/group
chmod 1777 tmp var/tmp
chmod 700 root
