# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # shares variables with lab.sh and the scripts
# The Dockerfile of tests/lib/workshop, built by whoever, and what must have come out. Sourced after lab.sh and container.sh.
#
#   workshop_prepare             the context $LAB/workshop with a .deb of ours, the base $LAB/devel
#   workshop_suite WHAT COMMAND...   COMMAND gets the executor options that say what to build and where to push; builds, then checks
#                                the image with skopeo, umoci, podman and flatten. WHAT names the results.
#
# In a container mount $LAB/workshop at /workspace and $LAB/devel at /devel.

workshop_prepare() {
    local deb=$LAB/deb
    lab_base_debian "$LAB/devel" devel || return 1
    cp -r "$lab_lib/workshop" "$LAB/workshop"
    mkdir -p "$deb/DEBIAN" "$deb/usr/bin"
    printf '%s\n' 'Package: kiln-test' 'Version: 1.0' 'Architecture: all' 'Maintainer: Nobody <nobody@example.org>' \
        'Description: a package of the tests' >"$deb/DEBIAN/control"
    printf '#!/bin/sh\nset -e\nadduser --version >/dev/null 2>&1 || true\ngroupadd --system kiln-test\nmkdir -p /var/lib/kiln-test\nchown :kiln-test /var/lib/kiln-test\nchmod 2770 /var/lib/kiln-test\n' \
        >"$deb/DEBIAN/postinst"
    printf '#!/bin/sh\necho installed\n' >"$deb/usr/bin/kiln-test"
    chmod 755 "$deb/DEBIAN/postinst" "$deb/usr/bin/kiln-test"
    dpkg-deb --root-owner-group --build "$deb" "$LAB/workshop/kiln-test_1.0_all.deb" >/dev/null
}

workshop_count=0
workshop_devel=/devel      # where whoever builds finds the base
workshop_capabilities=yes # "no" where files cannot have any

workshop_suite() {
    local what=$1 name layout list bundle status
    shift
    workshop_count=$((workshop_count + 1))
    name=lab/workshop-$workshop_count:1 layout=$LAB/workshop-$workshop_count:1 bundle=$LAB/bundle-$workshop_count
    output=$("$@" --build-context "devel=oci-layout://$workshop_devel" --destination "$LAB_REGISTRY/$name" \
        --insecure-registry "$LAB_REGISTRY" 2>&1)
    status=$?
    tap_result "$status" "$what: builds and pushes"
    if [ "$status" != 0 ]; then # one failure says it all
        tap_say "exit status $status: $*"$'\n'"$output"
        return 0
    fi
    ok "$what: skopeo copies it" image_of "$name" "$layout"
    ok "$what: it is sound" flatten --check "$layout"
    list=$(listing "$layout")
    workshop_listing "$what" "$list"
    ok "$what: umoci unpacks it" umoci unpack --image "$layout" "$bundle"
    workshop_unpacked "$what" "$bundle/rootfs"
    rm -rf "$bundle"
    ok "$what: podman pulls it" lab_podman pull -q --tls-verify=false --signature-policy "$LAB/containers/policy.json" "$LAB_REGISTRY/$name"
    is "$what: podman runs it" "$(lab_podman run --rm "$LAB_REGISTRY/$name" 2>&1)" 'hello there from the image'
    is "$what: as the image's user" "$(lab_podman run --rm "$LAB_REGISTRY/$name" id -un 2>&1)" nobody
    lab_podman rmi -f "$LAB_REGISTRY/$name" >/dev/null 2>&1
    printf '%s\n' "$list" >"$LAB/workshop-$workshop_count.list"
}

# line_is WHAT LISTING PATH REGEX
workshop_line() { like "$1: $3" "$(line_of "$2" "$3")" "$4"; }

workshop_listing() {
    local what=$1 list=$2 bin=usr/local/bin gone
    workshop_line "$what" "$list" $bin/hello-setuid '^type=file mode=4755 uid=1234 gid=1234 '
    workshop_line "$what" "$list" $bin/hello-setgid '^type=file mode=2711 uid=0 gid=60 '
    workshop_line "$what" "$list" $bin/private '^type=dir mode=0700 '
    workshop_line "$what" "$list" $bin/sticky '^type=dir mode=1777 '
    workshop_line "$what" "$list" $bin/hello-soft '^type=link .*target="hello"'
    workshop_line "$what" "$list" $bin/dangling 'target="/nowhere/at/all"'
    workshop_line "$what" "$list" $bin/fifo '^type=fifo mode=0640 '
    workshop_line "$what" "$list" $bin/sparse ' size=104857603 '
    workshop_line "$what" "$list" usr/local/share/derived 'uid=1234 gid=60 .*data="derived'
    workshop_line "$what" "$list" home/builder/mine 'uid=1234 gid=1234 size=0'
    workshop_line "$what" "$list" home/builder/id 'data="uid=1234\(builder\) gid=1234\(builder\) groups=1234\(builder\),60\(games\)'
    workshop_line "$what" "$list" var/mail '^type=file mode=0644 '
    workshop_line "$what" "$list" srv '^type=dir mode=0700 '
    workshop_line "$what" "$list" opt '^type=dir mode=0755 uid=7 gid=8'
    workshop_line "$what" "$list" etc/motd 'data="changed'
    workshop_line "$what" "$list" srv/gone/new '^type=file '
    workshop_line "$what" "$list" var/lib/kiln-test '^type=dir mode=2770 '
    workshop_line "$what" "$list" usr/bin/kiln-test '^type=file mode=0755 '
    workshop_line "$what" "$list" built 'data="hello world.n1234 4755.n"'
    if [ "$workshop_capabilities" = yes ]; then # gVisor keeps none of files
        workshop_line "$what" "$list" $bin/hello-net 'xattr\.security\.capability='
        workshop_line "$what" "$list" built-caps 'hello-net cap_net_bind_service,cap_net_raw=ep'
    fi
    for gone in etc/issue usr/share/common-licenses srv/gone/file src out tmp/kiln-test_1.0_all.deb kiln kaniko workspace devel; do
        is "$what: no /$gone" "$(grep -E "^\./$gone( |/)" <<<"$list")" ''
    done
}

workshop_unpacked() {
    local what=$1 bin=$2/usr/local/bin
    is "$what: unpacked, the setuid bit and the owner" "$(stat -c '%u %g %a' "$bin/hello-setuid")" '1234 1234 4755'
    [ "$workshop_capabilities" = no ] ||
        is "$what: unpacked, the capabilities" "$(getcap "$bin/hello-net" | sed 's,.*/,,')" 'hello-net cap_net_bind_service,cap_net_raw=ep'
    is "$what: unpacked, hard links" "$(stat -c %h "$bin/hello-hard")" 2
    is "$what: unpacked, the sparse file's end" "$(tail -c 3 "$bin/sparse")" end
    is "$what: unpacked, times" "$(TZ=UTC stat -c %y "$bin/old")" '2001-02-03 04:05:06.789012345 +0000'
    is "$what: unpacked, odd names" "$(find "$bin" -name $'ä blank\nline' -size 1c -printf x)" x
}
