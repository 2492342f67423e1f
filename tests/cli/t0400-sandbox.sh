#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The sandboxes in real containers: the unit tests of sandbox/ run as root of an ordinary podman container (default capabilities,
# default seccomp profile, overlayfs) and of gVisor, with their own loader and libraries below /kiln, as in the release image.
. "$(dirname "$0")/../lib/lab.sh"

tests=${KILN%/*}/tests/unit
[ -x "$tests/test_sandbox_inplace" ] || skip_all "$tests/test_sandbox_inplace is not built"
lab_can_podman || skip_all "$lab_reason"

# A container image: busybox as the container's own files, /kiln with the programs, their loader and libraries.
tree=$LAB/tree
mkdir -p "$tree/kiln/lib" "$tree/volume"
loader=''
for t in inplace run mounts; do
    cp "$tests/test_sandbox_$t" "$tree/kiln/" || exit 1
    while read -r lib; do
        cp -L "$lib" "$tree/kiln/lib/"
        case $lib in *ld-linux* | *ld-musl*) loader=/kiln/lib/${lib##*/} ;; esac
    done < <(ldd "$tests/test_sandbox_$t" | grep -o '/[^ ]*')
done
lab_base_busybox "$LAB/image" --tree "$tree" && lab_podman_load "$LAB/image" sandbox-test || exit 1

# in_container RUNTIME TEST [OPTION...]: RUNTIME is lab_podman or lab_gvisor
in_container() {
    local runtime=$1 name=$2
    shift 2
    "$runtime" run --rm --tmpfs /volume --env KILN_TEST_INPLACE=1 "$@" sandbox-test \
        "$loader" --library-path /kiln/lib "/kiln/test_sandbox_$name"
}

# each TEXT NAME: the unit test's own lines become results of this script
each() {
    local line seen=''
    while read -r line; do
        case $line in
        'skip: '*) seen=${line#skip: } ;;
        'ok '*) if [ -n "$seen" ]; then skip "$2: ${line#ok }" "$seen"; else tap_result 0 "$2: ${line#ok }"; fi; seen='' ;;
        esac
    done <<<"$1"
}

run() {
    local what=$1 text status=0
    shift
    text=$(in_container "$@" 2>&1) || status=$?
    each "$text" "$what"
    tap_result "$status" "$what: all of it"
    [ "$status" = 0 ] || tap_say "exit status $status"$'\n'"$text"
}

run "in place in podman" lab_podman inplace
run "namespaces in podman" lab_podman run
run "mounts in podman" lab_podman mounts
if lab_can_gvisor; then
    run "in place in gVisor" lab_gvisor inplace # its user namespaces cannot mount: there is no other sandbox to test
else
    skip "gVisor" "$lab_reason"
fi
finish
