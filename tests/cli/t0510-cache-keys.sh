#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Exactly the steps miss that see what changed. CACHE_CASES and CACHE_SEED ask for more, or others.
. "$(dirname "$0")/../lib/lab.sh"

lab_base_busybox "$LAB/base1"
lab_base_busybox "$LAB/base2" --label which=2
ok "generated builds, one input changed at a time" python3 "$lab_lib/cache_property.py" "$KILN" "$LAB/base1" "$LAB/base2" \
    --cases "${CACHE_CASES:-60}" --seed "${CACHE_SEED:-1}"
like "hundreds of times" "$output" '^[0-9]{3,} comparisons'
finish
