/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer/disk.h - the tree's entries made real below a root directory.
 *
 * Every call names a Node that is already in the tree: its path holds no symlink, so it is opened
 * beneath the root with symlinks refused, and nothing outside the root can be touched whatever a
 * layer says. A few parent directories are kept open, because entries come in the order of an
 * archive.
 *
 * What cannot be made (a device without CAP_MKNOD) or must not be touched (a mount point of the
 * container, and what is no directory where one has to hold a mount point) is marked NODE_ABSENT
 * and skipped. Directory times are set by disk_finish(), when nothing is written into them any
 * more.
 *
 * Ownership  borrows the tree and the descriptor. Threads: one.
 */
#pragma once

#include "tree/tree.h"

typedef struct Disk Disk;

typedef struct DiskOpts {
    int root_fd;           /* borrowed */
    const StrVec *foreign; /* see sandbox.h; NULL = none */
    bool may_chown;        /* false: owners and what hangs on them are left to the tree */
} DiskOpts;

Disk *disk_new(Tree *t, const DiskOpts *o);
void disk_free(Disk *d);
CLEANUP_DEFINE(Disk, disk_free);

/*
 * Directory, symlink, device, fifo: make it or bring its owner, mode and xattrs up to date. What
 * another type left there is removed.
 */
int disk_put(Disk *d, Node *n, Err *err) must_check;

/* 'n' becomes another name of 'existing' (same Inode). */
int disk_link(Disk *d, Node *n, Node *existing, Err *err) must_check;

/*
 * A regular file in three steps; returns 0 from begin when nothing is to be written (absent), else
 * 1. Bytes not written are holes.
 */
int disk_file_begin(Disk *d, Node *n, Err *err) must_check;
int disk_file_write(Disk *d, uint64_t at, const void *p, size_t n, Err *err) must_check;
int disk_file_end(Disk *d, Err *err) must_check;

/*
 * Remove the name, with everything below that is the image's; to be called before the node leaves
 * the tree.
 */
int disk_remove(Disk *d, Node *n, Err *err) must_check;

/* Set the times of all directories in which something was made or removed. */
int disk_finish(Disk *d, Err *err) must_check;
