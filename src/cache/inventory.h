/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/inventory.h - what a kiln directory holds, as far as it is worth removing (cache/prune.h).
 *
 * Ownership  everything lives as long as the Inventory.
 * Times      of the last use: entries and what is in Held are touched then.
 */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "store/store.h"

/* KILN_DIR/store/blobs/sha256/NAME */
typedef struct HeldBlob {
    Str name; /* hexadecimal digits */
    uint64_t size;
    int64_t used_ns;
    unsigned users; /* entries that name it */
    bool listed;    /* by index.json of the store, or by what that lists */
    bool removed;
} HeldBlob;

/* KILN_DIR/cache/NAME */
typedef struct HeldEntry {
    Str name;
    int64_t used_ns;
    HeldBlob *layer; /* NULL: it has none */
    bool broken;     /* it cannot be read, or its layer is not there */
} HeldEntry;

/* A directory of RUN --mount=type=cache, or the digests of files. */
typedef struct Held {
    Str mount; /* KILN_DIR/cache-mounts/MOUNT, which is KEY/N; "" = the digests */
    uint64_t size;
    int64_t used_ns;
} Held;

typedef struct Inventory {
    Arena arena;
    Str dir;
    int cache_fd, blobs_fd, store_fd, mounts_fd; /* -1: not there */
    Map by_name;                                 /* of blobs */
    VEC(HeldBlob *) blobs;
    VEC(HeldEntry) entries;
    VEC(Held) others;
    uint64_t bytes;
} Inventory;
#define INVENTORY_INIT                                                   \
    {                                                                    \
        .cache_fd = -1, .blobs_fd = -1, .store_fd = -1, .mounts_fd = -1, \
    }

/* 'v' is INVENTORY_INIT, and to be given to inventory_done() in any case. In no order. */
int inventory_take(Inventory *v, const char *kiln_dir, Err *err) must_check;
void inventory_done(Inventory *v);

Str inventory_digests(Inventory *v); /* the path of the file; lives as long as v */
