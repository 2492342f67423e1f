#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Exactly the steps miss that see what changed, and what is taken is what would have been made. Here a sample; `./dev cache` does thousands.
. "$(dirname "$0")/../lib/lab.sh"

for platform in "" linux/s390x; do
    lab_base_busybox "$LAB/base1" ${platform:+--platform "$platform"}
    lab_base_busybox "$LAB/base2" --env WHICH=2 ${platform:+--platform "$platform"}
done
ok "generated builds, one input changed at a time" python3 "$lab_lib/cache_property.py" "$KILN" "$LAB/base1" "$LAB/base2" \
    --cases "${CACHE_CASES:-40}" --builds "${CACHE_BUILDS:-2}" --seed "${CACHE_SEED:-1}"
like "hundreds of times" "$output" '^[0-9]{3,} comparisons of keys, [0-9]{2,} of images$'

golden=$lab_lib/../golden
some=() # golden cases; none: all
if [ -z "${CACHE_GOLDEN:-}" ]; then
    mapfile -t some < <(cd "$golden" && ls run/*.case copy/*.case onbuild/*.case | awk 'NR % 8 == 1' | sed 's/\.case$//')
    some+=(run-mount-from)
fi
ok "a build from a cache gives what the build gave that filled it" python3 "$golden/run.py" --cache "$KILN" "${some[@]}"
is "in every case" "$(grep -c '^not ok' <<<"$output")" 0
finish
