#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The golden cases in place, in one ordinary container; each image must be what the case wants, and the same as namespaces give.
# shellcheck disable=SC2034,SC2154
. "$(dirname "$0")/../lib/lab.sh"
. "$lab_lib/container.sh"

[ "$(id -u)" = 0 ] || skip_all "needs root"
lab_need busybox || skip_all "$lab_reason"
lab_can_podman || skip_all "$lab_reason"
container_image debug || exit 1

golden=$lab_lib/../golden/run.py
mapfile -t groups < <(cd "$lab_lib/../golden" && printf '%s\n' */ | tr -d / | grep -vx -e lint -e bases -e __pycache__) # lint builds nothing

# refused_in_place CASE: what kiln says of a case that an ordinary container cannot have; there is no image then, and no other difference
refused_in_place() {
    case $1 in
    run/network-none) echo "kiln: .*Dockerfile:2: RUN: --network=none is not possible in place: this container may not make a network namespace" ;;
    esac
}

# otherwise_in_place CASE: why what its commands find out by looking is not the same in a container, where nothing can be mounted; what kiln
# does there instead is the subject of t0340
otherwise_in_place() {
    case $1 in
    error-mount-in-read-only | run-mount-bind | run-mount-cache | run-mount-from) echo "what should be read-only can be written to" ;;
    run-mount-secret) echo "the container has a /run of its own" ;;
    run-mount-tmpfs) echo "a directory has no size" ;;
    esac
}

refused() { like "$name: refused by name" "$(cat "$LAB/corpus/${1/\//_}/stderr")" "$(refused_in_place "$1")"; }

mkdir "$LAB/corpus"
ok "the cases are prepared" python3 "$golden" "$KILN" "${groups[@]}" --prepare "$LAB/corpus" --seen-as /corpus --isolation inplace
ok "they are built in one container" lab_podman run --rm --entrypoint /busybox/sh -v "$LAB/corpus:/corpus" -e KILN=/kiln/bin/kiln kiln-debug /corpus/build.sh
while IFS= read -r line; do
    name=${line#*- }
    case $line in
    1..* | *'# SKIP'*) ;;
    "ok "*) is "$name" "" "$(otherwise_in_place "$name")" ;; # what is listed is otherwise, or it should not be listed
    "not ok "*)
        if [ -n "$(refused_in_place "$name")" ]; then
            refused "$name"
        elif [ -n "$(otherwise_in_place "$name")" ]; then
            skip "$name" "$(otherwise_in_place "$name")"
        else
            ok "$name" false
        fi
        ;;
    "# "*) echo "$line" ;;
    esac
done < <(python3 "$golden" "$KILN" "${groups[@]}" --judge "$LAB/corpus")
finish
