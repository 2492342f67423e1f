/* SPDX-License-Identifier: Apache-2.0 */
/* The caches of a build: opened, asked, given up. */
#include <pthread.h>

#include "base/limits.h"
#include "base/log.h"
#include "build/cached_internal.h"
#include "net/http.h"

enum {
    LOOKUPS = 6, /* at a time; each has a connection */
    WRITES = 2,
    READ_PATIENCE_MS =
        10000, /* a build waits for look-ups: long enough for a registry that restarts */
};

/* --- opening --- */

static bool needs_registry(const BuildRequest *req)
{
    vec_foreach(s, &req->cache_from)
        if (s->kind == CACHE_REGISTRY)
            return true;
    vec_foreach(s, &req->cache_to)
        if (s->kind == CACHE_REGISTRY)
            return true;
    return false;
}

static void source_free(CacheSource *s)
{
    cache_repo_free(s->repo);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

static void add_source(Builder *b, const CacheSpec *spec, CacheBase base, bool write)
{
    CacheSource *s = NEW(CacheSource);
    Err err;

    base.registry = write ? b->cache->writes : b->cache->reads;
    (void)pthread_mutex_init(&s->lock, NULL);
    if (cache_repo_open(spec, &base, write, &s->repo, &err) < 0) {
        builder_warn(b, "the cache cannot be used: %s", err.msg);
        source_free(s);
        return;
    }
    s->origin = (BaseImage){.in_registry = spec->kind == CACHE_REGISTRY,
                            .ref = spec->ref,
                            .layout = cache_repo_layout(s->repo)};
    if (write)
        vec_push(&b->cache->to, s);
    else
        vec_push(&b->cache->from, s);
}

int cached_open(Builder *b, bool read, Err *err)
{
    const BuildRequest *req = b->req;
    CacheBase base = {.store = b->store, .kiln_dir = req->kiln_dir, .doubt = !read};

    if (req->cache_from.n == 0 && req->cache_to.n == 0)
        return 0;
    if (needs_registry(req))
        TRY(builder_registry(b, &base.registry, err));
    b->cache = NEW(BuildCache);
    if (base.registry) {
        b->cache->reads = registry_share(base.registry, READ_PATIENCE_MS);
        b->cache->writes = registry_share(base.registry, 0);
    }
    b->cache->digests = digests_open(req->kiln_dir, b->now_ns);
    b->cache->contents = contents_new(b->cpu, b->cache->digests);
    vec_foreach(s, &req->cache_to)
        if (!req->dryrun)
            add_source(b, s, base, true);
    for (size_t i = 0; read && i < req->cache_from.n; i++)
        add_source(b, &req->cache_from.v[i], base, false);
    b->cache->pool = pool_new(LOOKUPS);
    b->cache->up = pool_new(WRITES);
    return 0;
}

void cached_free(Builder *b)
{
    BuildCache *c = b->cache;

    if (!c)
        return;
    cached_finish(b);
    pool_free(c->pool);
    pool_free(c->up);
    vec_foreach(s, &c->from)
        source_free(*s);
    vec_foreach(s, &c->to)
        source_free(*s);
    registry_free(c->reads);
    registry_free(c->writes);
    vec_done(&c->from);
    vec_done(&c->to);
    vec_done(&c->jobs);
    vec_done(&c->waiting);
    vec_done(&c->listings);
    vec_done(&c->mounts);
    vec_done(&c->restored);
    vec_done(&c->damaged);
    contents_free(c->contents);
    digests_free(c->digests);
    free(c);
    b->cache = NULL;
}

void cached_paths(const Builder *b, StrVec *ret)
{
    if (!b->cache)
        return;
    vec_foreach(s, &b->cache->from)
        if (cache_repo_layout((*s)->repo))
            vec_push(ret, str_from(store_dir(cache_repo_layout((*s)->repo))));
    vec_foreach(s, &b->cache->to)
        if (cache_repo_layout((*s)->repo))
            vec_push(ret, str_from(store_dir(cache_repo_layout((*s)->repo))));
}

/* --- looking up --- */

void cached_source_failed(CacheSource *s, const Err *err)
{
    (void)pthread_mutex_lock(&s->lock);
    if (!atomic_load(&s->broken))
        s->err = *err;
    atomic_store(&s->broken, true);
    (void)pthread_mutex_unlock(&s->lock);
}

bool cached_is_of_repository(const Err *err)
{
    return err->kind == ERR_AUTH || err->kind == ERR_NET ||
           (err->kind == ERR_HTTP && err->http_status != 400 && err->http_status != 413);
}

/* What cannot be read will not be written to either: finding that out anew takes long. */
static void give_up(Builder *b, const CacheSource *failed)
{
    vec_foreach(s, &b->cache->to) {
        if (!str_eq(cache_repo_name((*s)->repo), cache_repo_name(failed->repo)))
            continue;
        cached_source_failed(*s, &failed->err);
        (*s)->told = true;
    }
}

void cached_tell(Builder *b)
{
    vec_foreach(s, &b->cache->from) {
        if (!atomic_load(&(*s)->broken) || (*s)->told)
            continue;
        (*s)->told = true;
        give_up(b, *s);
        builder_warn(b, "the cache " STR_FMT " cannot be read, going on without it: %s",
                     STR_ARG(cache_repo_name((*s)->repo)), (*s)->err.msg);
    }
}

/* An entry in a directory may have lost its layer; a registry does not let that happen. */
static bool has_layer(const Builder *b, const CacheSource *s, const CacheEntry *e)
{
    uint64_t size;
    Store *in = cache_repo_layout(s->repo);

    if (cache_repo_spec(s->repo)->kind == CACHE_REGISTRY)
        return true;
    return store_has(in ? in : b->store, &e->layer.digest, &size) && size == e->layer.size;
}

bool cached_is_away(const Builder *b)
{
    return b->sandbox && !sandbox_parallel(b->sandbox);
}

void cached_find_failed(const Builder *b, CacheSource *s, const Err *err)
{
    if (!cached_is_away(b)) {
        cached_source_failed(s, err);
        return;
    }
    log_debug("the cache " STR_FMT " is not asked until the build is over: %s",
              STR_ARG(cache_repo_name(s->repo)), err->msg);
    atomic_store(&s->lost, true);
}

static bool find_in(Builder *b, CacheSource *s, const CacheWant *want, Arena *a, CacheEntry *ret)
{
    cleanup_buf Buf manifest = BUF_INIT(LIMIT_MANIFEST);
    const char *why;
    Err err;
    int found = cache_repo_find(s->repo, want->key, &manifest, &err);

    if (found < 0)
        cached_find_failed(b, s, &err);
    if (found <= 0)
        return false;
    if (!cache_entry_parse(a, buf_str(&manifest), want, ret, &why)) {
        log_debug("cache entry %s: %s", want->key->text, why);
        return false;
    }
    return has_layer(b, s, ret);
}

void cached_find(Builder *b, const CacheKey *key, const Platform *platform, Arena *a,
                 CacheHit **ret)
{
    CacheWant want = {key, platform, b->now_ns, b->req->cache_ttl_ns};
    CacheEntry entry;

    *ret = NULL;
    http_known_names_only(cached_is_away(b));
    vec_foreach(s, &b->cache->from) {
        if (atomic_load(&(*s)->broken) || atomic_load(&(*s)->lost) ||
            !find_in(b, *s, &want, a, &entry))
            continue;
        *ret = arena_new(a, CacheHit);
        **ret = (CacheHit){entry, *s};
        break;
    }
    http_known_names_only(false);
}
