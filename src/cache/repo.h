/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/repo.h - where entries are kept. Kinds are rows of a table in repo.c:
 *
 *      registry   REPOSITORY:[PREFIX-]KEY
 *      layout     an OCI layout directory, each entry under its key as ref.name
 *      local      KILN-DIR/cache/KEY, the layers in the builds' own store
 *
 * Entries are complete or not there: layer and config come first, the name last. Two writers of
 * one entry write equal things, or one replaces the other.
 *
 * Threads   find and put may be called from any thread.
 * Errors    for the caller to warn of; a cache is never a reason to fail.
 */
#pragma once

#include "cache/entry.h"
#include "registry/registry.h"
#include "store/store.h"

typedef enum CacheKind {
    CACHE_REGISTRY,
    CACHE_LAYOUT,
    CACHE_LOCAL,
    CACHE_KIND_COUNT,
} CacheKind;

typedef struct CacheSpec {
    CacheKind kind;
    Reference ref;    /* registry: its tag is the prefix, "" = none */
    const char *path; /* layout */
    bool max;         /* to be written: layers of every stage, not only of the image's own */
} CacheSpec;

/* What they stand on; borrowed for the life of the repository. */
typedef struct CacheBase {
    Registry *registry; /* may be NULL where there is no registry among them */
    Store *store;       /* the build's own: layers to be written are there */
    const char *kiln_dir;
    bool doubt; /* blobs that a layout has are read before they are taken for sound */
} CacheBase;

typedef struct CacheRepo CacheRepo;

/* 'spec' is borrowed. For reading a directory that is not there is as one with nothing in it. */
int cache_repo_open(const CacheSpec *spec, const CacheBase *base, bool write, CacheRepo **ret,
                    Err *err) must_check;
void cache_repo_free(CacheRepo *r);
CLEANUP_DEFINE(CacheRepo, cache_repo_free);

const CacheSpec *cache_repo_spec(const CacheRepo *r);
Str cache_repo_name(const CacheRepo *r); /* for people */
/* Where its layers are: NULL = in the build's own store, or in a registry under spec->ref. */
Store *cache_repo_layout(const CacheRepo *r);

/* 1: the manifest is appended to ret; 0: there is none. */
int cache_repo_find(CacheRepo *r, const CacheKey *key, Buf *ret, Err *err) must_check;

typedef struct CacheWrite {
    const CacheKey *keys; /* the names that the entry gets */
    size_t n_keys;
    const Descriptor *layer; /* NULL: it has none */
    const Descriptor *config;
    Str mount_from; /* a repository of the same registry that has the layer, or "" */
    Str config_json, manifest;
} CacheWrite;
int cache_repo_put(CacheRepo *r, const CacheWrite *w, Err *err) must_check;

/*
 * Single blobs, for the chunks of cache mounts (cache/mounts.h). What must lie in a file on its way
 * is in 'scratch' meanwhile; two calls with the same digest and scratch must not overlap.
 */
bool cache_repo_keeps_blobs(const CacheRepo *r); /* false: the kiln directory has the mounts */
/* Known to be missing = false; a registry is believed to have what its manifests name. */
bool cache_repo_has_blob(CacheRepo *r, const Descriptor *d);
/* Appended to ret, verified; ERR_LIMIT beyond ret->max. */
int cache_repo_get_blob(CacheRepo *r, const Descriptor *d, Store *scratch, Buf *ret, Err *err)
    must_check;
int cache_repo_put_blob(CacheRepo *r, const Descriptor *d, Str bytes, Store *scratch, Err *err)
    must_check;
