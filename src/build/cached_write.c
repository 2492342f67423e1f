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
    Descriptor layer, config;
    Str config_json, manifest; /* live in the builder's arena */
    Task *task;                /* NULL: not begun, or joined */
};

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
    if (cache_repo_put(j->to->repo, &w, err) < 0) {
        atomic_store(&j->to->broken, true); /* the others would fail in the same way, slowly */
        return -1;
    }
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

static CacheJob *job_new(StageBuild *s, CacheSource *to, const CacheNew *n, Err *err)
{
    Builder *b = s->b;
    cleanup_buf Buf config = BUF_INIT(LIMIT_CONFIG), manifest = BUF_INIT(LIMIT_MANIFEST);
    CacheJob *j = arena_new(&b->arena, CacheJob);

    *j = (CacheJob){.b = b, .to = to, .layer = n->entry.layer};
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
    return j;
}

static bool same_place(const CacheSource *a, const CacheSource *b)
{
    return str_eq(cache_repo_name(a->repo), cache_repo_name(b->repo));
}

int cached_write(StageBuild *s, const CacheNew *n, Err *err)
{
    BuildCache *c = s->b->cache;

    vec_foreach(to, &c->to) {
        CacheJob *j;

        if (n->only ? !same_place(n->only, *to)
                    : !cache_repo_spec((*to)->repo)->max && !stage_is_in_image(s))
            continue;
        j = job_new(s, *to, n, err);
        if (!j)
            return -1;
        if (stage_has_network(s) || cache_repo_spec((*to)->repo)->kind != CACHE_REGISTRY) {
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

    if (!b->cache || b->cache->waiting.n == 0)
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

static void warn(Builder *b, CacheJob *j, const Err *err)
{
    if (j->to->told)
        return;
    j->to->told = true;
    builder_warn(b, "the cache " STR_FMT " cannot be written to: %s",
                 STR_ARG(cache_repo_name(j->to->repo)), err->msg);
}

static void save_digests(const Builder *b)
{
    Err err;

    if (!b->req->dryrun && digests_save(b->cache->digests, &err) < 0)
        log_debug("the digests of files were not kept: %s", err.msg);
}

void cached_finish(Builder *b)
{
    if (!b->cache)
        return;
    cached_flush(b, NULL);
    vec_foreach(j, &b->cache->jobs) {
        Err err;

        if ((*j)->task && task_join(steal_ptr(&(*j)->task), &err) < 0)
            warn(b, *j, &err);
    }
    b->cache->jobs.n = 0;
    save_digests(b);
}
