/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/xattr.h - all extended attributes of a file, as one value that compares and prints the same
 * everywhere: sorted by name.
 */
#pragma once

#include "base/buf.h"

typedef struct Xattr {
    Str name;  /* "security.capability" */
    Str value; /* any bytes */
} Xattr;

/* Immutable; one allocation. NULL stands for "none". */
typedef struct Xattrs {
    size_t n;
    Xattr v[]; /* sorted by name, then the bytes they point to */
} Xattrs;

/* Copy n attributes (any order, names unique) into one owned block; NULL when n is 0. */
Xattrs *xattrs_new(const Xattr *v, size_t n);
void xattrs_free(Xattrs *x);
CLEANUP_DEFINE(Xattrs, xattrs_free);
bool xattrs_equal(const Xattrs *a, const Xattrs *b);
Str xattrs_find(const Xattrs *x, Str name); /* p is NULL when absent; an empty value has a p */

/*
 * Read those attributes that belong into an image: security.capability, user.*, trusted.* (when
 * readable), system.posix_acl_*; never security.selinux and the like, nor trusted.overlay.* /
 * user.overlay.*. A file system without xattrs has none. *ret is owned by the caller, NULL when
 * there are none.
 */
int xattrs_read_fd(int fd, Xattrs **ret, Err *err) must_check;
/*
 * The same for dirfd/name, symlinks not followed; goes through /proc/self/fd, or an opened
 * descriptor where /proc is missing; for sockets, fifos and devices without opening them for
 * reading (without /proc they have none).
 */
int xattrs_read_at(int dirfd, const char *name, Xattrs **ret, Err *err) must_check;

/*
 * Set exactly these: others of the kinds named above are removed, equal ones are not touched. What
 * the file system or our privileges refuse (ENOTSUP, EPERM, an ACL for ids that we cannot map) and
 * what does not belong into an image is skipped and counted in *ret_skipped (may be NULL),
 * everything else is an error.
 */
int xattrs_write_fd(int fd, const Xattrs *x, unsigned *ret_skipped, Err *err) must_check;
int xattrs_write_at(int dirfd, const char *name, const Xattrs *x, unsigned *ret_skipped, Err *err)
    must_check;
