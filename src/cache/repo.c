/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/kinds.h"

static const CacheRepoKind *const kinds[CACHE_KIND_COUNT] = {
    [CACHE_REGISTRY] = &cache_registry,
    [CACHE_LAYOUT] = &cache_layout,
    [CACHE_LOCAL] = &cache_local,
};

int cache_repo_open(const CacheSpec *spec, const CacheBase *base, bool write, CacheRepo **ret,
                    Err *err)
{
    cleanup_with(cache_repo_free_at) CacheRepo *r = NEW(CacheRepo);

    r->spec = spec;
    r->base = *base;
    r->dir_fd = -1;
    TRY(kinds[spec->kind]->open(r, write, err));
    *ret = steal_ptr(&r);
    return 0;
}

void cache_repo_free(CacheRepo *r)
{
    if (!r)
        return;
    store_free(r->layout);
    close_at(&r->dir_fd);
    arena_done(&r->arena);
    free(r);
}

const CacheSpec *cache_repo_spec(const CacheRepo *r)
{
    return r->spec;
}

Str cache_repo_name(const CacheRepo *r)
{
    return r->name;
}

Store *cache_repo_layout(const CacheRepo *r)
{
    return r->layout;
}

int cache_repo_find(CacheRepo *r, const CacheKey *key, Buf *ret, Err *err)
{
    return kinds[r->spec->kind]->find(r, key, ret, err);
}

int cache_repo_put(CacheRepo *r, const CacheWrite *w, Err *err)
{
    return kinds[r->spec->kind]->put(r, w, err);
}

bool cache_repo_keeps_blobs(const CacheRepo *r)
{
    return kinds[r->spec->kind]->put_blob != NULL;
}

bool cache_repo_has_blob(CacheRepo *r, const Descriptor *d)
{
    return kinds[r->spec->kind]->has_blob(r, d);
}

int cache_repo_get_blob(CacheRepo *r, const Descriptor *d, Store *scratch, Buf *ret, Err *err)
{
    return kinds[r->spec->kind]->get_blob(r, d, scratch, ret, err);
}

int cache_repo_put_blob(CacheRepo *r, const Descriptor *d, Str bytes, Store *scratch, Err *err)
{
    return kinds[r->spec->kind]->put_blob(r, d, bytes, scratch, err);
}
