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
    OpenFile file; /* the archive; owned */
    uint64_t size;
    Spool spool;
} Unpacked;

/*
 * Returns 1 when the file, of 'size' bytes, is an archive (its first header can be read), 0 when
 * not, -1. It is taken (*file emptied) with 1 only.
 */
int unpacked_open(OpenFile *file, uint64_t size, Unpacked **ret, Err *err) must_check;
int unpacked_fetch(Unpacked *u, Store *store, const NodeVec *files, Err *err) must_check;
void unpacked_free(Unpacked *u);
CLEANUP_DEFINE(Unpacked, unpacked_free);
