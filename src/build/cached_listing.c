/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listing is made while its layer is written, or read for the first time, and kept when the build
 * is over.
 */
#include "base/limits.h"
#include "base/log.h"
#include "build/cached_internal.h"
#include "build/download.h"
#include "build/export.h"
#include "layer/listing.h"

struct CacheListing {
    Builder *b;
    CacheKey key;
    Digest diff_id; /* of the layer */
    Descriptor layer;
    Arena arena; /* of 'hit' */
    CacheHit *hit;
    bool wanted;    /* it is of use: the layer is kept somewhere */
    bool asked;     /* it was looked for */
    LayerBlob made; /* size 0: it is not, or not to be written any more */
    Task *task;     /* the search, or the writing; NULL = none, or joined */
};

enum {
    LISTING_LEVEL = 1 /* zeros shrink as well as ever */
};

static CacheListing *listing_of(Builder *b, const ImageLayer *l)
{
    BuildCache *c = b->cache;
    CacheListing *new;
    KeyMaker k;

    vec_foreach(x, &c->listings)
        if (digest_eq(&(*x)->diff_id, &l->diff_id))
            return *x;
    new = arena_new(&b->arena, CacheListing);
    *new = (CacheListing){.b = b, .diff_id = l->diff_id, .layer = l->desc};
    k = key_begin("listing", &b->arena, NULL);
    key_add(&k, "layer", str_from(l->diff_id.text));
    key_add(&k, "platform", platform_format(&b->arena, &b->target_platform));
    new->key = key_end(&k);
    vec_push(&c->listings, new);
    return new;
}

/* --- finding --- */

/* In a registry, and there alone when the build began. */
static bool is_fetched(const Builder *b, const ImageLayer *l)
{
    return l->origin && l->origin->in_registry && !image_layout(l->origin) &&
           (download_was_begun(b, &l->desc.digest) || !store_has(b->store, &l->desc.digest, NULL));
}

/* Nor is it on its way. */
static bool is_far(const Builder *b, const ImageLayer *l)
{
    return is_fetched(b, l) && !download_was_begun(b, &l->desc.digest);
}

static int search(void *arg, Err *err)
{
    CacheListing *x = arg;

    (void)err;
    cached_find(x->b, &x->key, &x->b->target_platform, &x->arena, &x->hit);
    if (x->hit && !str_eq(x->hit->entry.layer.media_type, S(MEDIA_LISTING)))
        x->hit = NULL;
    return 0;
}

void cached_find_listings(Builder *b, const ImageLayer *v, size_t n)
{
    VEC(CacheListing *) all = {0};
    Err ignored;

    for (size_t i = 0; b->cache && i < n; i++) {
        CacheListing *x;

        if (v[i].desc.size < CACHED_LISTING_MIN || !is_fetched(b, &v[i]))
            continue;
        x = listing_of(b, &v[i]);
        if (x->asked)
            continue;
        x->asked = true;
        x->task = pool_submit(b->cache->pool, search, x);
        vec_push(&all, x);
    }
    vec_foreach(x, &all)
        (void)!task_join(steal_ptr(&(*x)->task), &ignored);
    if (all.n)
        cached_tell(b);
    vec_done(&all);
}

bool cached_listing(Builder *b, const ImageLayer *l, ImageLayer *ret)
{
    const CacheHit *h;

    if (!b->cache || b->cache->listings_off || export_is_local(b->req) ||
        l->desc.size < CACHED_LISTING_MIN || !is_far(b, l))
        return false;
    cached_find_listings(b, l, 1);
    h = listing_of(b, l)->hit;
    if (!h)
        return false;
    *ret = (ImageLayer){h->entry.layer, h->entry.diff_id, NULL, false};
    if (cache_repo_spec(h->from->repo)->kind != CACHE_LOCAL)
        ret->origin = &h->from->origin;
    return true;
}

void cached_begin_trees(Builder *b, const ImageLayerVec *layers)
{
    ImageLayer listing;

    cached_find_listings(b, layers->v, layers->n);
    vec_foreach(l, layers) {
        if (!is_far(b, l))
            continue;
        if (!cached_listing(b, l, &listing))
            download_begin(b, l);
        else if (listing.origin && listing.origin->in_registry)
            download_begin(b, &listing);
    }
}

void cached_listing_failed(Builder *b)
{
    b->cache->listings_off = true;
}

/* --- making --- */

/* Of a layer that was fetched, while none of the caches that are read has it. */
static bool is_worth_listing(Builder *b, const ImageLayer *l)
{
    const CacheListing *x;

    if (l->desc.size < CACHED_LISTING_MIN || !is_fetched(b, l))
        return false;
    cached_find_listings(b, l, 1);
    x = listing_of(b, l);
    return (!x->hit || b->cache->listings_off) && x->made.desc.size == 0;
}

/* A kiln directory that is kept has the layers themselves. */
static bool keeps_listings(const CacheSource *to)
{
    return !atomic_load(&to->broken) && cache_repo_spec(to->repo)->kind != CACHE_LOCAL;
}

static bool any_keeps(const BuildCache *c)
{
    vec_foreach(to, &c->to)
        if (keeps_listings(*to))
            return true;
    return false;
}

Listed *cached_list_begin(Builder *b, const ImageLayer *l)
{
    static const LayerCodec codec = {.kind = COMPRESSION_ZSTD, .level = LISTING_LEVEL};
    BuildCache *c = b->cache;
    Err err;

    if (!c || c->listed || !any_keeps(c) || (l && !is_worth_listing(b, l)))
        return NULL;
    if (compressor_new(b->store, b->cpu, &codec, &c->listing, &err) < 0) {
        log_debug("no listing: %s", err.msg);
        return NULL;
    }
    c->listed = listed_new(compressor_writer(c->listing));
    return c->listed;
}

static int finish(Builder *b, const ImageLayer *l, Err *err)
{
    CacheListing *x = listing_of(b, l);

    x->wanted = l->origin != NULL;
    TRY(listed_finish(b->cache->listed, err));
    return compressor_finish(b->cache->listing, &x->made, err);
}

void cached_list_end(Builder *b, const ImageLayer *l)
{
    Err err;

    if (!b->cache || !b->cache->listed)
        return;
    if (l && l->desc.size >= CACHED_LISTING_MIN && finish(b, l, &err) < 0)
        log_debug("layer %s has no listing: %s", l->diff_id.text, err.msg);
    compressor_free(steal_ptr(&b->cache->listing));
    listed_free(steal_ptr(&b->cache->listed));
}

/* --- keeping --- */

void cached_list_kept(Builder *b, const ImageLayer *l)
{
    listing_of(b, l)->wanted = true;
}

static int put(const CacheListing *x, CacheSource *to, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf config = BUF_INIT(LIMIT_CONFIG), manifest = BUF_INIT(LIMIT_MANIFEST);
    CacheEntry e = {.key = x->key,
                    .platform = x->b->target_platform,
                    .layer = x->made.desc,
                    .diff_id = x->made.diff_id,
                    .written_ns = x->b->now_ns,
                    .created_by = str_fmt_in(&a, "the listing of layer %s", x->diff_id.text)};
    CacheWrite w = {.keys = &x->key, .n_keys = 1, .layer = &e.layer, .mount_from = S("")};
    Descriptor d;

    e.layer.media_type = S(MEDIA_LISTING);
    TRY(cache_entry_format(&e, &config, &manifest, &d, err));
    w.config = &d;
    w.config_json = buf_str(&config);
    w.manifest = buf_str(&manifest);
    return cache_repo_put(to->repo, &w, err);
}

/* What fails costs no more than a fetched layer later. */
static int write_listing(void *arg, Err *err)
{
    const CacheListing *x = arg;

    vec_foreach(to, &x->b->cache->to) {
        if (keeps_listings(*to) && put(x, *to, err) < 0)
            log_debug("the listing of layer %s is not kept: %s", x->diff_id.text, err->msg);
    }
    return 0;
}

void cached_listings_write(Builder *b)
{
    vec_foreach(x, &b->cache->listings) {
        if (!(*x)->wanted || (*x)->made.desc.size == 0 || (*x)->task)
            continue;
        (*x)->task = pool_submit(b->cache->up, write_listing, *x);
    }
}

void cached_listings_join(Builder *b)
{
    vec_foreach(x, &b->cache->listings) {
        Err ignored;

        if ((*x)->task)
            (void)!task_join(steal_ptr(&(*x)->task), &ignored);
        arena_done(&(*x)->arena);
        (*x)->hit = NULL;
    }
    b->cache->listings.n = 0;
}
