/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/mount_at.h - one mount on a path inside a root, however the root is made.
 *
 * A target is opened inside the root, so that a symlink in the image cannot lead a mount outside,
 * and mounted on through /proc/self/fd.
 *
 * Internal to sandbox/; for the supervisor, which is alone in its mount namespace.
 */
#pragma once

#include "base/err.h"

/* A descriptor as a path: for calls that take only paths. */
typedef struct FdPath {
    char z[32];
} FdPath;
FdPath fd_path(int fd);

/* As mount(2). Returns 1 when mounted, 0 when the target does not exist. */
int mount_on(int root, const char *target, const char *source, const char *type,
             unsigned long flags, const char *data, Err *err) must_check;

/* 'source' with all that is mounted in it; returns as above. */
int bind_on(int root, const char *target, const char *source, Err *err) must_check;

/* The mount that is on 'target', and all mounts in it. */
int make_readonly(int root, const char *target, Err *err) must_check;

/*
 * A read-only view of 'source'; nothing when there is no such target, or no such source. Returns 1
 * when it was made or is not wanted, 0 when there was nothing to do.
 */
int bind_readonly(int root, const char *target, const char *source, Err *err) must_check;
