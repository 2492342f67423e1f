/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/kinds.h - inside cache/ only: what a kind of repository provides.
 */
#pragma once

#include "cache/repo.h"

struct CacheRepo {
    const CacheSpec *spec;
    CacheBase base;
    Arena arena;
    Str name;
    Store *layout; /* layout: owned; NULL = the directory is not there */
    int dir_fd;    /* local: KILN-DIR/cache; owned */
};

typedef struct CacheRepoKind {
    const char *name;
    int (*open)(CacheRepo *r, bool write, Err *err);
    int (*find)(CacheRepo *r, const CacheKey *key, Buf *ret, Err *err);
    int (*put)(CacheRepo *r, const CacheWrite *w, Err *err);
    /* Blobs of cache mounts, see repo.h; NULL = it keeps none. */
    bool (*has_blob)(CacheRepo *r, const Descriptor *d);
    int (*get_blob)(CacheRepo *r, const Descriptor *d, Store *scratch, Buf *ret, Err *err);
    int (*put_blob)(CacheRepo *r, const Descriptor *d, Str bytes, Store *scratch, Err *err);
} CacheRepoKind;

extern const CacheRepoKind cache_registry, cache_layout, cache_local;
