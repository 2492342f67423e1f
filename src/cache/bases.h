/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/bases.h - base images on a volume: what `kiln warm` fills and builds read (--cache-dir).
 *
 *      DIR/<digest>/                     one OCI layout per image, named by its manifest's digest
 *      DIR/.warmer-locks/<digest>.lock   held while an entry is being made
 *
 * The places are kaniko's, so either program reads what the other has made. An entry is as old as
 * its directory's mtime says. It appears by rename, whole; every file in it may be read by every
 * user.
 *
 * Threads  any number, processes too.
 */
#pragma once

#include "os/pool.h"
#include "registry/registry.h"

typedef struct BasesOpts {
    const char *dir;
    int64_t ttl_ns; /* an entry older than this does not count */
    bool force;     /* bases_warm(): fetch it again, whatever is there */
} BasesOpts;

/*
 * The entry of an image of one platform: 1 = found, opened read-only, its manifest verified and
 * every blob there with its size (what is in them is hashed when it is read); 0 = none, or one that
 * is too old or not whole. Never fails: a cache that cannot be read is empty, which log_debug()
 * explains.
 */
int bases_find(const BasesOpts *o, const Digest *manifest, Store **ret) must_check;

typedef enum WarmOutcome {
    WARM_PRESENT, /* young and whole */
    WARM_RENEWED, /* was too old; every byte of it was checked */
    WARM_FETCHED,
} WarmOutcome;

/*
 * Make sure that the image of one platform is there, young and whole. Layers come side by side,
 * through 'pool', on which the caller must not be running.
 */
int bases_warm(const BasesOpts *o, Registry *r, const Reference *ref, const Platform *platform,
               Pool *pool, Descriptor *ret, WarmOutcome *ret_outcome, Err *err) must_check;
