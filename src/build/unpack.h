/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/unpack.h - a tar archive in the context, plain or compressed, as a tree whose files can be
 * opened (ADD).
 */
#pragma once

#include "build/rootfs.h"

typedef struct Unpacked {
    FileSource s; /* opens its regular files, once unpacked_fetch() has been called */
    Tree *tree;
    int fd; /* the archive; owned */
    Spool spool;
} Unpacked;

/*
 * Takes 'fd' on success. Returns 1 when the file is an archive (its first header can be read), 0
 * when not, -1.
 */
int unpacked_open(int fd, Unpacked **ret, Err *err) must_check;
int unpacked_fetch(Unpacked *u, Store *store, const NodeVec *files, Err *err) must_check;
void unpacked_free(Unpacked *u);
CLEANUP_DEFINE(Unpacked, unpacked_free);
