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
mapfile -t groups < <(cd "$lab_lib/../golden" && printf '%s\n' */*.case | cut -d/ -f1 | sort -u | grep -vx lint) # which builds nothing

# in_place_cannot CASE: why a case has no such result in this container
in_place_cannot() {
    case $1 in
    run/network-none) echo "the container may not make a network namespace" ;;
    syntax/heredoc-run-shebang | syntax/heredoc-run-shell-shebang) echo "podman mounts /dev, and so /dev/pipes, without leave to execute" ;;
    esac
}

mkdir "$LAB/corpus"
ok "the cases are prepared" python3 "$golden" "$KILN" "${groups[@]}" --prepare "$LAB/corpus" --seen-as /corpus --isolation inplace
ok "they are built in one container" lab_podman run --rm --entrypoint /busybox/sh -v "$LAB/corpus:/corpus" -e KILN=/kiln/bin/kiln kiln-debug /corpus/build.sh
while IFS= read -r line; do
    name=${line#*- }
    case $line in
    1..* | *'# SKIP'*) ;;
    "ok "*) ok "$name" true ;;
    "not ok "*) if [ -n "$(in_place_cannot "$name")" ]; then skip "$name" "$(in_place_cannot "$name")"; else ok "$name" false; fi ;;
    "# "*) echo "$line" ;;
    esac
done < <(python3 "$golden" "$KILN" "${groups[@]}" --judge "$LAB/corpus")
finish
