/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/lock.h - advisory locks between kiln processes: flock on a file of its own. Never on a
 * directory: NFS passes locks of files on to its server, those of directories nobody else sees.
 *
 * Errors   ERR_SYS; "the file system of PATH has no locks" where that is so (some network and FUSE
 *          file systems, NFS whose server has no lock service). Nothing is done without a lock.
 */
#pragma once

#include "base/err.h"

typedef enum LockMode {
    LOCK_SHARED,
    LOCK_EXCLUSIVE
} LockMode;

/*
 * Make 'path' if needed and lock it, waiting as long as it takes (a signal ends the wait:
 * ERR_CANCELLED). *ret_fd holds the lock until closed.
 */
int lock_file(const char *path, LockMode mode, int *ret_fd, Err *err) must_check;

/* Returns 1 when locked, 0 when another process holds it. */
int lock_file_try(const char *path, LockMode mode, int *ret_fd, Err *err) must_check;

/* Is that what flock() says where there are no locks? */
bool lock_is_missing(int os_errno);
