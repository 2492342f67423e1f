/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/lock.h - advisory locks between kiln processes (flock on a file of its own).
 */
#pragma once

#include "base/err.h"

typedef enum LockMode {
    LOCK_SHARED,
    LOCK_EXCLUSIVE
} LockMode;

/*
 * Make 'path' if needed and lock it, waiting as long as it takes (a signal ends the wait:
 * ERR_CANCELLED). A directory that is there is locked itself. *ret_fd holds the lock until closed.
 */
int lock_file(const char *path, LockMode mode, int *ret_fd, Err *err) must_check;

/* Returns 1 when locked, 0 when another process holds it. */
int lock_file_try(const char *path, LockMode mode, int *ret_fd, Err *err) must_check;
