/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/cache_mount.h - the directories of RUN --mount=type=cache, kept between builds.
 *
 *      KILN_DIR/cache-mounts/KEY/N           a directory; N is 0, and more where private ones are
 *                                            wanted while others are busy
 *      KILN_DIR/cache-mounts/KEY/N.lock      shared by those who use N together, else exclusive;
 *                                            its time is that of the last use
 *      KILN_DIR/cache-mounts/KEY/N.new       N while it is filled, under N.new.lock: a directory
 *                                            that is there is complete, whenever kiln was killed
 *
 * KEY is the sha256 of what makes two caches different (spec/dockerfile 6.1). A directory may be
 * removed by anybody who has its lock exclusively; it is then made anew, empty. So may a lock, and
 * KEY when there is nothing in it.
 */
#pragma once

#include "base/vec.h"
#include "dockerfile/mount.h"

typedef struct CacheMount {
    Str id;          /* with its name space; lives in the builder's arena */
    Str key;         /* 64 hexadecimal digits; so does this */
    const char *dir; /* absolute; and this */
    int lock_fd;     /* held until closed */
} CacheMount;

/* Which cache a mount of type cache, whose id is filled, means: id and key. */
void cache_mount_name(Arena *a, Str name_space, const RunMount *m, CacheMount *ret);

/* What a new directory begins with; 'dir' (absolute) is there, empty. */
typedef struct CacheFill {
    int (*fill)(void *ctx, const CacheMount *c, const char *dir, Err *err);
    void *ctx;
} CacheFill;

/*
 * Find or make the directory, and lock it as 'sharing' says: that may wait for another build
 * (ERR_CANCELLED after a signal).
 *   may_chown  false: files have one owner here (sandbox.h)
 */
int cache_mount_open(Arena *a, const char *kiln_dir, const RunMount *m, bool may_chown,
                     const CacheFill *fill, CacheMount *c, Err *err) must_check;
void cache_mount_close(CacheMount *c);
