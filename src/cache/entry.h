/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/entry.h - what is kept about one step: an OCI image of one layer (docs/cache-keys.md).
 *
 * The manifest carries its config inside (the descriptor's "data"), so that one request brings all
 * that a hit needs. The config is an ordinary image config: platform, diff id, one history entry,
 * and the rest in labels. Any tool that reads images reads entries.
 *
 * Whoever writes to the repository decides what later builds get: entries are believed as images
 * are. They are checked for what accidents do to them (another key, version or platform, age,
 * damage): such an entry is a miss and never an error.
 */
#pragma once

#include "cache/key.h"
#include "oci/config.h"
#include "oci/manifest.h"

/* What an entry has instead of a layer when it is a layer's listing (layer/listing.h). */
#define MEDIA_LISTING "application/vnd.kiln.layer-listing.v1+zstd"

typedef struct CacheEntry {
    CacheKey key;         /* by what went in, all the way from the base */
    CacheKey content_key; /* by what came out of the steps before; or unset */
    Platform platform;
    Descriptor layer;
    Digest diff_id;
    int64_t written_ns; /* when it was stored: its age counts from here */
    int64_t content_ns; /* the image's newest thing after the step (build/steps.h) */
    Str created_by;     /* for the history */
    uint64_t files, deletions;
} CacheEntry;

/* 'config' and 'manifest' are appended to; *ret_config describes the former. */
int cache_entry_format(const CacheEntry *e, Buf *config, Buf *manifest, Descriptor *ret_config,
                       Err *err) must_check;

typedef struct CacheWant {
    const CacheKey *key;
    const Platform *platform;
    int64_t now_ns, ttl_ns; /* ttl_ns 0 = none is young enough */
} CacheWant;

/*
 * true: *ret is filled, its strings live in the arena. false: *ret_why says in some words why it
 * is none that can be used.
 */
bool cache_entry_parse(Arena *a, Str manifest, const CacheWant *want, CacheEntry *ret,
                       const char **ret_why);
