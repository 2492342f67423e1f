#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every request of a push and of a pull fails once, in every way (tests/unit/registry/test_matrix.c).
. "$(dirname "$0")/../lib/lab.sh"

matrix=$(dirname "$KILN")/tests/unit/registry/test_registry_matrix
[ -x "$matrix" ] || skip_all "$matrix is not built"
KILN_TEST_LIB=$lab_lib ok "the work is done, or one clear line says why not" "$matrix"
is "the only fault that cannot be got over is a refused password" \
    "$(grep '^# ' <<<"$output" | grep -cv 'status.: 401 at request 1: .*credentials from DOCKER_AUTH_CONFIG were sent')" 0
finish
