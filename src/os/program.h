/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/program.h - run a program of the machine for its answer: a little text in, a little text out.
 *
 * The program is looked for in PATH, inherits the environment and no descriptor but its standard
 * three (what it says on standard error is dropped: it may be a secret). It and what it started are
 * killed when it takes too long, when a signal comes, and when it is done.
 *
 * Threads  may be called from any.
 */
#pragma once

#include "base/buf.h"

#define PROGRAM_INPUT_MAX ((size_t)4096) /* fits into a pipe: written before anything is read */

/*
 * argv ends with NULL. *ret_status: the exit status, or 128 + the signal that ended it.
 * ERR_NOT_FOUND when there is no such program, ERR_SYS, ERR_LIMIT when it says more than out->max,
 * ERR_NET after timeout_s, ERR_CANCELLED.
 */
int program_run(const char *const argv[], Str in, unsigned timeout_s, Buf *out, int *ret_status,
                Err *err) must_check;
