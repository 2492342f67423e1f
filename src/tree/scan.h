/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree/scan.h - what a command changed on disk, found by one parallel walk.
 *
 * A file is unchanged when its inode number, ctime, size and type are those the tree remembers:
 * ctime cannot be set by a program, so nothing is read or hashed. ctime has the granularity of the
 * kernel's clock tick; scan_settle() before a command makes sure that whatever the command does
 * gets a later stamp than everything remembered (git's "racy" problem, solved by waiting).
 *
 *      scan_adopt -> scan_settle -> command -> scan_changes -> (layer is written) -> scan_settle ->
 *      command -> ...
 *
 * Errors   ERR_SYS with the path, ERR_LIMIT for names beyond LIMIT_PATH and for LIMIT_TREE_NODES.
 */
#pragma once

#include "os/pool.h"
#include "tree/tree.h"

typedef struct ScanOpts {
    int root_fd;           /* the materialised root, borrowed */
    const StrVec *foreign; /* sorted paths that are not the image's (sandbox.h); NULL = none */
    /*
     * Paths, with all below them, that are not looked at either: what the tree has there stays as
     * it is. Called by several threads; NULL = none.
     */
    bool (*ignored)(const void *ctx, Str path);
    const void *ignored_ctx;
    bool ignore_owner; /* owners on disk are not those in the tree */
    Pool *pool;        /* borrowed; the calling thread only collects */
} ScanOpts;

/* Remember the disk's stamps for every node; nodes that are not there become NODE_ABSENT. */
int scan_adopt(Tree *t, const ScanOpts *o, Err *err) must_check;

/*
 * Bring the tree up to date with the disk: new and changed nodes become NODE_DIRTY (content.layer =
 * 0), missing ones are removed and recorded as deletions.
 */
int scan_changes(Tree *t, const ScanOpts *o, Err *err) must_check;

/*
 * Wait until the file system's clock has moved past everything remembered: a few milliseconds at
 * most, a second where it knows only whole ones.
 */
void scan_settle(const Tree *t);
