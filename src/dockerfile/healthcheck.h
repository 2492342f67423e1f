/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/healthcheck.h - HEALTHCHECK as the image config holds it.
 *
 * Errors  ERR_SYNTAX; the parser has already run these checks, so that an instruction it accepted
 *         cannot fail here.
 */
#pragma once

#include "dockerfile/ast.h"
#include "oci/config.h"

/*
 * The whole of it. ret->test's strings live in 'a'; its slots are a heap vector that the caller
 * owns (as in ImageConfig, which frees it).
 */
int healthcheck_from(const Instr *i, Arena *a, Healthcheck *ret, Err *err) must_check;

/* Type, command and flags are right; fills durations and retries only. */
int healthcheck_check(const Instr *i, Healthcheck *ret, Err *err) must_check;
