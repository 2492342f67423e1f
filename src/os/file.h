/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/file.h - small files whole, directories made and removed. Paths are relative to a dirfd
 * (AT_FDCWD allowed) and trusted: for paths inside an image root see os/chase.h.
 */
#pragma once

#include <sys/stat.h>

#include "base/path.h"

/* Append the file to 'ret'; ERR_LIMIT beyond ret->max, ERR_NOT_FOUND when it is not there. */
int file_read(int dirfd, const char *path, Buf *ret, Err *err) must_check;

/*
 * Temporary name in the same directory, write, sync, rename. A reader sees the old or the new,
 * whole. mode is as for open(2): the umask is honoured. A symlink at 'path' is replaced.
 */
int file_write_atomic(int dirfd, const char *path, mode_t mode, Str data, Err *err) must_check;
/* The same, but what is there already stays, and that is no failure: of several one wins. */
int file_write_new(int dirfd, const char *path, mode_t mode, Str data, Err *err) must_check;

/*
 * For files that a user names (--digest-file): as above where that is possible, else into what is
 * there, for it may be a device, a symlink, or a file that is a mount point like Kubernetes'
 * /dev/termination-log.
 */
int file_write(int dirfd, const char *path, mode_t mode, Str data, Err *err) must_check;

/*
 * Could a file (or a directory) be made at 'path', or what is there be written to? A look before
 * long work, so that a wrong name is heard of early; nothing is touched. make_parents: directories
 * that are missing on the way will be made.
 */
int file_check_target(const char *path, bool is_dir, bool make_parents, Err *err) must_check;

/*
 * mkdir -p; existing directories are left as they are. mode is as for mkdir(2), for all that are
 * made.
 */
int dir_make_all(int dirfd, const char *path, mode_t mode, Err *err) must_check;

/*
 * rm -rf: 'name' and everything below it, never following symlinks and never descending into a
 * mount point (it and the directories above it are then left). Directories without permission are
 * chmodded open first. Nothing there is no error. Works on trees deeper than PATH_MAX, holds
 * neither a whole directory nor more than some dozen descriptors, and does not recurse on the
 * stack. Returns 0, or 1 when something was left because of a mount point.
 */
int dir_remove_all(int dirfd, const char *name, Err *err) must_check;

/* Everything below 'fd', the directory itself stays. Returns as dir_remove_all(). */
int dir_empty(int fd, Err *err) must_check;
