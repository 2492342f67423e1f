/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git/pack_write.h - what was fetched as a pack again, with its index (gitformat-pack, version 2),
 * for a .git directory in the image.
 *
 *      fetched objects, sorted by name -> deflate -> the pack  -> the spool
 *                                                 -> the index -> the spool
 *
 * Without deltas, and sorted: how the server packed them, and in how many threads, does not show.
 */
#pragma once

#include "git/objects.h"

typedef struct GitPackFiles {
    GitIdText name; /* pack-NAME.pack, pack-NAME.idx */
    GitPart pack, index;
} GitPackFiles;

int git_pack_write(const GitObjects *o, GitPackFiles *ret, Err *err) must_check;
