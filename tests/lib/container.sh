# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # shares variables with lab.sh and the scripts
# kiln's release image in containers, for the scripts t03*. Sourced after lab.sh.
#
#   container_image [debug]      build/image (build/image-debug) is up to date and in the store of lab_podman as kiln-release
#                                (kiln-debug); says on stderr why it is not
#   kiln_in RUNTIME [PODMAN-OPTION...] -- [EXECUTOR-OPTION...]
#                                run the image in a container of its own; RUNTIME is lab_podman or lab_gvisor
#   image_of REPOSITORY:TAG DIR  copy it from $LAB_REGISTRY into an OCI layout with skopeo
#   listing LAYOUT               flatten, without what differs from build to build: times, logs, caches, password stamps
#   line_of LISTING PATH         the line of one path, without its name

repo=$(cd "$lab_lib/../.." && pwd)

container_image() {
    local name=release dir=$repo/build/image option=()
    if [ "${1:-}" = debug ]; then name=debug dir=$repo/build/image-debug option=(--debug); fi
    mkdir -p "$repo/build"
    (
        flock 9 # scripts run side by side: each makes the image anew, quickly, and keeps a copy
        cd "$repo" && ./dev image "${option[@]}" && cp -a "$dir" "$LAB/image-$name" && lab_podman_load "$dir" "kiln-$name"
    ) >"$LAB/image.log" 2>&1 9>"$repo/build/image.lock" && return 0
    { echo "./dev image fails:"; tail -n 20 "$LAB/image.log"; } >&2
    return 1
}

kiln_in() {
    local runtime=$1 podman=()
    shift
    while [ "$1" != -- ]; do
        podman+=("$1")
        shift
    done
    shift
    "$runtime" run --rm "${podman[@]}" kiln-release "$@"
}

image_of() { skopeo copy -q --src-tls-verify=false "docker://$LAB_REGISTRY/$1" "oci:$2"; }

listing() {
    flatten --omit mtime "$1" | grep -vE '^\./(var/log/|var/cache/ldconfig/|var/lib/dpkg/triggers/|etc/(shadow|ld\.so\.cache)|var/lib/(dpkg|apt)/[a-z-]*(status|log|states))'
}

line_of() { sed -n "s,^\./$2 ,,p" <<<"$1"; }
