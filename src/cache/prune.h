/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/prune.h - make room in a kiln directory that is kept between builds.
 *
 * What goes first: blobs that nothing names (downloads, layers of images that went elsewhere), the
 * oldest first; then cache entries, the ones unused for longest first, with the layers that only
 * they name, and in their order among them the digests of files (cache/digests.h) and the
 * directories of cache mounts (build/cache_mount.h), unless somebody has one locked. Images that
 * index.json of the store lists are never touched.
 *
 * Who works in the directory holds its lock (KILN_DIR/lock) shared, pruning holds it exclusively:
 * it waits for builds, and they for it. So what is temporary then was left by processes that were
 * killed, and goes in any case.
 */
#pragma once

#include "store/store.h"

typedef struct PruneOpts {
    const char *kiln_dir;
    uint64_t keep_bytes; /* stop when all of it takes no more than this; 0 = everything goes */
    int64_t unused_ns;   /* what was not used for so long goes in any case; 0 = no such rule */
    int64_t now_ns;
    bool only_if_idle;                   /* do nothing while somebody works in the directory */
    void (*waits)(const char *kiln_dir); /* else called when it has to wait; NULL = silently */
} PruneOpts;

typedef struct PruneReport {
    uint64_t entries, blobs, mounts; /* removed */
    uint64_t bytes, kept_bytes;
    Err why_not; /* the first of what could not be removed; ERR_NONE = everything could */
} PruneReport;

int cache_prune(const PruneOpts *o, PruneReport *ret, Err *err) must_check;

/*
 * For everybody else who works in the directory: make it if it is not there, and open its store.
 * *ret_lock is to be closed after the store.
 */
int cache_dir_open(const char *kiln_dir, Store **ret, int *ret_lock, Err *err) must_check;
