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

/* Temporary name in the same directory, write, rename. A reader sees the old or the new, whole. */
int file_write_atomic(int dirfd, const char *path, mode_t mode, Str data, Err *err) must_check;

/* mkdir -p; existing directories are left as they are. */
int dir_make_all(int dirfd, const char *path, mode_t mode, Err *err) must_check;

/*
 * rm -rf: 'name' and everything below it, never following symlinks and never descending into a
 * mount point (its directory is then left). Directories without permission are chmodded open first.
 * Nothing there is no error. Works on trees deeper than PATH_MAX and does not recurse on the stack.
 */
int dir_remove_all(int dirfd, const char *name, Err *err) must_check;

/* Everything below 'fd', the directory itself stays. */
int dir_empty(int fd, Err *err) must_check;
