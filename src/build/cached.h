/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/cached.h - layers that need not be made again (docs/cache-keys.md).
 *
 * A step has two keys. Both are of what the step says and of what it stands on, which the one takes
 * from what went into the steps before, the other from what came out of them:
 *
 *      key          = H(key of the step before,   own, keys of the sources)
 *      content key  = H(state of the step before, own, contents of the sources)
 *      state        = H(state of the step before, diff id of the layer)
 *
 * All keys are known before anything is built, so they are looked up at once. Content keys are
 * known as the build goes on: they find what follows a step that was made again and came out the
 * same.
 *
 *      cached_plan     follow every stage without files: keys; one wave of look-ups; which stages
 *                      are needed at all
 *      cached_take     instead of a step
 *      cached_keep     after a step that was done: its layer, in the background
 *      cached_finish   wait for what is still being written, and say what was not
 *      cached_mount_*  directories of RUN --mount=type=cache (cache/mounts.h), when asked for: out
 *                      of the first cache that has them when there is none here, into all caches
 *                      that are written to when the build is over
 *
 * Errors   a cache that cannot be read or written is warned of, once, and then left alone. What
 *          fails is only what would fail without a cache too.
 * Threads  everything here is called by the building thread.
 */
#pragma once

#include "build/step_key.h"

struct CacheMount;

/* Open what the request names; b->cache stays NULL when that is nothing, or reading is off. */
int cached_open(Builder *b, bool read, Err *err) must_check;
int cached_plan(Plan *p, Err *err) must_check;
/* After cached_plan(): nothing has to be built. */
bool cached_has_all(const Plan *p);

/* Keys of a stage that begins: of its base. */
void cached_begin_stage(StageBuild *s);
/* 1: the step is done, out of the cache. 0: it must be. */
int cached_take(StageBuild *s, const Step *step, StepReport *report, Err *err) must_check;
int cached_keep(StageBuild *s, const Step *step, const StepReport *report, Err *err) must_check;

/* The registry can be reached again: begin what had to wait for that. */
void cached_flush(Builder *b, const ImageLayerVec *layers);
/* From here on nothing but the caches is waited for: what they do not take soon is given up. */
void cached_hurry(Builder *b);
/*
 * Wait for layers that are still being written. What follows has patience again: a cache that took
 * the layers is worth some for a directory of a gigabyte, and one that did not is not asked.
 */
void cached_await(Builder *b);
/* Wait for all; warn, once for each cache, of what it did not get. */
void cached_finish(Builder *b);
void cached_free(Builder *b);

/* Keep what the keys were made of, for the next build's explanations. */
void cached_write_record(const Plan *p);

/*
 * What an earlier build knew the file behind a URL by; false when nothing is kept of it. Lives as
 * long as the build.
 */
bool cached_remote_find(Builder *b, Str url, RemoteStamp *ret);
/* Keep it of the files that this build has fetched. */
void cached_write_remotes(const Plan *p);

/*
 * Listings of layers (layer/listing.h), for steps that look at names only: with them a COPY that
 * is made fetches none of the layers below it. They are entries like those of steps.
 *
 *      cached_find_listings   look for those of layers that are not here
 *      cached_begin_trees     trees are wanted: that, and begin to fetch layers without a listing
 *      cached_listing         true: *ret is to be read instead of the layer, for a tree alone
 *      cached_list_begin      a layer that was fetched is about to be read, or (NULL) a new one to
 *                             be written: not NULL when its listing is to be made meanwhile; until
 *      cached_list_end        the layer, if it came to a good end
 *
 * Layers of less than CACHED_LISTING_MIN have none: it would not be smaller.
 */
#define CACHED_LISTING_MIN ((uint64_t)64 << 10)
void cached_find_listings(Builder *b, const ImageLayer *v, size_t n);
void cached_begin_trees(Builder *b, const ImageLayerVec *layers);
bool cached_listing(Builder *b, const ImageLayer *l, ImageLayer *ret);
Listed *cached_list_begin(Builder *b, const ImageLayer *l);
void cached_list_end(Builder *b, const ImageLayer *l);
/* One could not be read: no more of them are used. */
void cached_listing_failed(Builder *b);

/* Directories of caches, which must stay where they are. */
void cached_paths(const Builder *b, StrVec *ret);

/* What was found, for people, by way of BuildEvents.plan; also without a cache. */
void cached_explain(const Plan *p);

/* 1: 'dir' (absolute, empty) holds now what an earlier build left in a cache. 0: it is empty. */
int cached_mount_restore(Builder *b, const struct CacheMount *c, const char *dir, Err *err)
    must_check;
/* To be written when the build is over; that is cached_mounts_export(). */
void cached_mount_used(Builder *b, const struct CacheMount *c);
void cached_mounts_export(Builder *b);
