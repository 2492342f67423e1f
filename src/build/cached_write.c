/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing is a matter of the background: an entry is formatted when its layer has been made, and
 * sent by a pool of its own. Where the layer is also on its way into the image's repository on the
 * same registry, the write waits for that and mounts it from there: nothing is uploaded twice.
 */
#include "base/limits.h"
#include "base/log.h"
#include "build/cached_internal.h"

struct CacheJob {
    Builder *b;
    CacheSource *to;
    PushJob *after; /* the layer's way into the image's repository, or NULL */
    Str mount_from;
    CacheKey keys[2];
    size_t n_keys;
    const Platform *platform;
    Descriptor layer, config;
    const ImageLayer *copy;    /* of another cache's entry: its layer may have to be fetched */
    Str config_json, manifest; /* live in the builder's arena */
    Task *task;                /* NULL: not begun, or joined */
    bool written;              /* for whoever has joined it */
};

int cached_is_there(const Builder *b, const CacheSource *to, const CacheKey *key,
                    const Platform *platform, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf manifest = BUF_INIT(LIMIT_MANIFEST);
    CacheWant want = {key, platform, b->now_ns, b->req->cache_ttl_ns};
    CacheEntry ignored;
    const char *why;
    int found;

    TRY(found = cache_repo_find(to->repo, key, &manifest, err));
    return found && cache_entry_parse(&a, buf_str(&manifest), &want, &ignored, &why);
}

/*
 * The layer to where it can be written from, unless the registry can mount it. For the kiln
 * directory nothing is fetched: most of them are gone after the build. 1: it cannot be had, which
 * is no fault of the cache that is written to.
 */
static int bring(const CacheJob *j, Err *err)
{
    const CacheSpec *to = cache_repo_spec(j->to->repo);
    Registry *r = j->b->cache->writes;
    int mounted = 0;

    if (to->kind == CACHE_LOCAL)
        return store_has(j->b->store, &j->layer.digest, NULL) ? 0 : 1;
    if (to->kind == CACHE_REGISTRY && !store_has(j->b->store, &j->layer.digest, NULL)) {
        TRY(registry_contact(r, &to->ref, true, err));
        TRY(mounted = registry_mount_blob(r, &to->ref, &j->layer, j->mount_from, err));
    }
    if (mounted || layer_fetch(j->b, j->copy, err) == 0)
        return 0;
    log_debug("cache entry %s is not copied: %s", j->keys[0].text, err->msg);
    return 1;
}

static int put(const CacheJob *j, const CacheWrite *w, Err *err)
{
    int done = 0;

    if (j->copy)
        TRY(done = cached_is_there(j->b, j->to, &j->keys[0], j->platform, err));
    if (j->copy && !done)
        TRY(done = bring(j, err));
    if (done)
        return 0;
    return cache_repo_put(j->to->repo, w, err);
}

static int write_entry(void *arg, Err *err)
{
    CacheJob *j = arg;
    CacheWrite w = {.keys = j->keys,
                    .n_keys = j->n_keys,
                    .layer = &j->layer,
                    .config = &j->config,
                    .mount_from = j->mount_from,
                    .config_json = j->config_json,
                    .manifest = j->manifest};

    if (atomic_load(&j->to->broken))
        return 0;
    if (j->after && !push_await(j->after))
        w.mount_from = S("");
    if (put(j, &w, err) < 0) {
        cached_source_failed(j->to, err); /* the others would fail in the same way, slowly */
        return -1;
    }
    j->written = true;
    return 0;
}

static void begin(CacheJob *j)
{
    BuildCache *c = j->b->cache;

    j->task = pool_submit(c->up, write_entry, j);
    vec_push(&c->jobs, j);
}

/* A repository of the same registry that has the layer, or is about to get it. */
static void find_mount(CacheJob *j, const ImageLayer *layer, bool in_image)
{
    const BuildRequest *req = j->b->req;
    const CacheSpec *to = cache_repo_spec(j->to->repo);

    j->mount_from = S("");
    if (to->kind != CACHE_REGISTRY)
        return;
    if (layer->cached && layer->origin && str_eq(layer->origin->ref.registry, to->ref.registry))
        j->mount_from = layer->origin->ref.repository;
    if (!req->push || !in_image)
        return;
    vec_foreach(t, &req->tags)
        if (str_eq(t->registry, to->ref.registry))
            j->mount_from = t->repository;
}

/* That a copy fails is no reason to build without caches. */
static const ImageLayer *keep_layer(Arena *a, const ImageLayer *layer)
{
    ImageLayer *copy = arena_new(a, ImageLayer);

    *copy = *layer;
    copy->cached = false;
    return copy;
}

static CacheJob *job_new(StageBuild *s, CacheSource *to, const CacheNew *n, Err *err)
{
    Builder *b = s->b;
    cleanup_buf Buf config = BUF_INIT(LIMIT_CONFIG), manifest = BUF_INIT(LIMIT_MANIFEST);
    CacheJob *j = arena_new(&b->arena, CacheJob);

    *j = (CacheJob){.b = b, .to = to, .layer = n->entry.layer, .platform = &s->stage->platform};
    if (cache_entry_format(&n->entry, &config, &manifest, &j->config, err) < 0)
        return NULL;
    j->layer.media_type = str_dup_in(&b->arena, n->entry.layer.media_type);
    j->config_json = str_dup_in(&b->arena, buf_str(&config));
    j->manifest = str_dup_in(&b->arena, buf_str(&manifest));
    if (cache_key_is_set(&n->entry.key))
        j->keys[j->n_keys++] = n->entry.key;
    if (cache_key_is_set(&n->entry.content_key) && !n->only)
        j->keys[j->n_keys++] = n->entry.content_key;
    find_mount(j, n->layer, stage_is_in_image(s));
    if (n->from)
        j->copy = keep_layer(&b->arena, n->layer);
    return j;
}

static bool same_place(const CacheSource *a, const CacheSource *b)
{
    return str_eq(cache_repo_name(a->repo), cache_repo_name(b->repo));
}

static bool is_for(StageBuild *s, const CacheNew *n, const CacheSource *to)
{
    if (n->only)
        return same_place(n->only, to);
    if (n->from && same_place(n->from, to))
        return false;
    return cache_repo_spec(to->repo)->max || stage_is_in_image(s);
}

/* Copies have time: what the build itself has to fetch for a layer is here by then. */
static bool may_begin(StageBuild *s, const CacheNew *n, const CacheSource *to)
{
    return !n->from && (stage_has_network(s) || cache_repo_spec(to->repo)->kind != CACHE_REGISTRY);
}

int cached_write(StageBuild *s, const CacheNew *n, Err *err)
{
    BuildCache *c = s->b->cache;

    vec_foreach(to, &c->to) {
        CacheJob *j;

        if (!is_for(s, n, *to))
            continue;
        j = job_new(s, *to, n, err);
        if (!j)
            return -1;
        if (may_begin(s, n, *to)) {
            j->after = j->mount_from.n ? push_find(s->b, &j->layer.digest) : NULL;
            begin(j);
        } else {
            vec_push(&c->waiting, j);
        }
    }
    return 0;
}

void cached_flush(Builder *b, const ImageLayerVec *layers)
{
    Err ignored;

    if (!b->cache)
        return;
    cached_listings_write(b);
    if (b->cache->waiting.n == 0)
        return;
    /* what fails here is tried again, and reported, when the image is pushed */
    if (layers && push_begin(b, layers, &ignored) < 0)
        log_debug("%s", ignored.msg);
    vec_foreach(j, &b->cache->waiting) {
        (*j)->after = (*j)->mount_from.n ? push_find(b, &(*j)->layer.digest) : NULL;
        begin(*j);
    }
    b->cache->waiting.n = 0;
}

void cached_hurry(Builder *b)
{
    if (b->cache && b->cache->writes)
        registry_hurry(b->cache->writes, true);
}

/* One line for each cache, however much it did not get. */
static void tell(Builder *b, CacheSource *to)
{
    cleanup_buf Buf lost = BUF_INIT(BUF_SMALL);

    if (to->told || to->write.lost_layers + to->write.lost_mounts == 0)
        return;
    to->told = true;
    if (to->write.lost_layers)
        buf_addf(&lost, "%u of %u layers", to->write.lost_layers, to->write.layers);
    if (to->write.lost_mounts)
        buf_addf(&lost, "%s%u cache mount%s", lost.n ? " and " : "", to->write.lost_mounts,
                 to->write.lost_mounts == 1 ? "" : "s");
    builder_warn(b,
                 "the cache " STR_FMT " cannot be written to, later builds will not find " STR_FMT
                 " of this one there: %s",
                 STR_ARG(cache_repo_name(to->repo)), STR_ARG(buf_str(&lost)), to->err.msg);
}

static void join(CacheJob *j)
{
    Err ignored; /* the first one's is the source's own */

    if (j->task)
        (void)!task_join(steal_ptr(&j->task), &ignored);
    j->to->write.layers++;
    if (!j->written)
        j->to->write.lost_layers++;
}

static void save_digests(const Builder *b)
{
    Err err;

    if (!b->req->dryrun && digests_save(b->cache->digests, &err) < 0)
        log_debug("the digests of files were not kept: %s", err.msg);
}

void cached_await(Builder *b)
{
    if (!b->cache)
        return;
    cached_flush(b, NULL);
    vec_foreach(j, &b->cache->jobs)
        join(*j);
    b->cache->jobs.n = 0;
    cached_listings_join(b);
    if (b->cache->writes)
        registry_hurry(b->cache->writes, false);
}

void cached_finish(Builder *b)
{
    if (!b->cache)
        return;
    cached_await(b);
    vec_foreach(to, &b->cache->to)
        tell(b, *to);
    save_digests(b);
}
