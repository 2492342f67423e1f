/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree/note.h - inside tree/ only: what the walk over a disk (scan.c) hands to those who bring the
 * tree up to date (update.c).
 */
#pragma once

#include "tree/scan.h"

/* Something new or changed. A command may change a million files: this is what is kept of each. */
typedef struct Note {
    char *path;   /* owned */
    char *target; /* owned; of a symlink */
    Xattrs *xattrs;
    uint64_t ino, size;
    int64_t mtime_ns, ctime_ns;
    dev_t rdev;
    uint32_t mode, uid, gid, nlink;
    bool above_foreign; /* something below it is not the image's */
    bool stub;          /* a directory that may be there only to hold a mount point */
} Note;

typedef struct Findings {
    VEC(Note) notes; /* in no order */
    NodeVec gone;    /* in the tree, not on the disk any more */
} Findings;

/* The notes are sorted, and their xattrs taken. */
int scan_update(Tree *t, const ScanOpts *o, Findings *f, Err *err) must_check;
