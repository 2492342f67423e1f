/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/spawn.h - start a program of the machine: in a process group of its own, with the signals as
 * they were before this program changed them, the environment, and three descriptors.
 *
 * Ownership  the descriptors stay the caller's; who starts a program waits for it.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/*
 * argv[0] is looked for in PATH, argv ends with NULL. 'in', 'out' and 'complaints' become standard
 * input, output and error; complaints = -1 is /dev/null. ERR_NOT_FOUND when there is no such
 * program, ERR_SYS.
 */
int os_spawn(const char *const argv[], int in, int out, int complaints, pid_t *ret, Err *err)
    must_check;
