#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Golden cases built by kiln and by buildah: the same files and configuration, but for what tests/golden/buildah.txt explains. A sample, or
# the cases in $GOLDEN_PEER_CASES ("*" for all; `./dev compare-buildah` does it).
. "$(dirname "$0")/../lib/lab.sh"

lab_can_buildah || skip_all "$lab_reason"
lab_can_chown || skip_all "$lab_reason"
golden=$lab_lib/../golden
set -f
# shellcheck disable=SC2206 # words
cases=(${GOLDEN_PEER_CASES:-copy-merge copy/d* onbuild/m* workdir/o* meta/cmd* run/deletes run/replaces run/hard-links vars/env-order})

# The store of the laboratory, for a program that knows nothing of it.
{
    echo '#!/usr/bin/env bash'
    declare -p LAB
    declare -f lab_store lab_run
    echo 'lab_run buildah "$@"'
} >"$LAB/peer"
chmod +x "$LAB/peer"
while IFS= read -r line; do
    case $line in
    1..*) ;;
    *'# SKIP '*) name=${line#*- }; skip "${name% # SKIP *}" "${line#*# SKIP }" ;;
    "ok "*) ok "${line#*- }" true ;;
    "not ok "*) ok "${line#*- }" false ;;
    *) echo "$line" ;;
    esac
done < <(python3 "$golden/peer.py" "$KILN" "$LAB/peer" "$LAB/containers/policy.json" ${GOLDEN_PEER_LISTED:+--differences "$GOLDEN_PEER_LISTED"} "${cases[@]}" 2>&1)
finish
