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
 * Nobody works in the directory meanwhile (cache/dir.h): what is temporary there was left by
 * processes that were killed, and goes in any case.
 */
#pragma once

#include "base/err.h"

typedef struct PruneOpts {
    const char *kiln_dir;
    uint64_t keep_bytes; /* stop when all of it takes no more than this; 0 = everything goes */
    int64_t unused_ns;   /* what was not used for so long goes in any case; 0 = no such rule */
    int64_t now_ns;
    /* Called before it waits for those who work there; NULL = nothing is done while they do. */
    void (*wait)(const char *kiln_dir);
} PruneOpts;

typedef struct PruneReport {
    uint64_t entries, blobs, mounts; /* removed */
    uint64_t bytes, kept_bytes;
    Err why_not; /* the first of what could not be removed; ERR_NONE = everything could */
} PruneReport;

int cache_prune(const PruneOpts *o, PruneReport *ret, Err *err) must_check;
