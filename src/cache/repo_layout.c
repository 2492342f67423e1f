/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>

#include "cache/kinds.h"
#include "store/layout.h"

/* Or not there: a new volume, which the first build that writes makes a layout of. */
static bool is_empty(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    bool empty = true;

    if (!d)
        return errno == ENOENT;
    while (empty && (e = readdir(d)))
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
                strcmp(e->d_name, "lost+found") == 0;
    (void)closedir(d);
    return empty;
}

static int open_layout(CacheRepo *r, bool write, Err *err)
{
    r->name = str_fmt_in(&r->arena, "%s", r->spec->path);
    if (write)
        return store_open(r->spec->path, &r->layout, err);
    if (is_empty(r->spec->path))
        return 0;
    return layout_open(r->spec->path, &r->layout, err);
}

static int find_layout(CacheRepo *r, const CacheKey *key, Buf *ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Platform any = platform_host();
    Descriptor desc;

    if (!r->layout)
        return 0;
    if (layout_resolve(r->layout, cache_key_str(key), &any, &desc, ret, &a, err) == 0)
        return 1;
    return err->kind == ERR_SYS ? -1 : 0;
}

/* Where the index is damaged nothing can be found any more: the cache begins anew. */
static int set_name(Store *layout, const Descriptor *manifest, Str name, Err *err)
{
    if (layout_set(layout, manifest, name, err) == 0)
        return 0;
    return err->kind == ERR_FORMAT ? layout_reset(layout, manifest, name, err) : -1;
}

static int put_layout(CacheRepo *r, const CacheWrite *w, Err *err)
{
    Descriptor manifest = {.media_type = S(MEDIA_OCI_MANIFEST), .size = w->manifest.n};
    Digest config;

    if (w->layer)
        TRY(store_mend(r->layout, r->base.store, &w->layer->digest, w->layer->size, r->base.doubt,
                       err));
    TRY(store_put(r->layout, w->config_json, &config, err));
    TRY(store_put(r->layout, w->manifest, &manifest.digest, err));
    for (size_t i = 0; i < w->n_keys; i++)
        TRY(set_name(r->layout, &manifest, cache_key_str(&w->keys[i]), err));
    return 0;
}

static bool has_blob(CacheRepo *r, const Descriptor *d)
{
    return r->layout && store_has(r->layout, &d->digest, NULL);
}

static int get_blob(CacheRepo *r, const Descriptor *d, Store *scratch, Buf *ret, Err *err)
{
    (void)scratch;
    return store_read_blob(r->layout, &d->digest, ret, err);
}

static int put_blob(CacheRepo *r, const Descriptor *d, Str bytes, Store *scratch, Err *err)
{
    Digest is;

    (void)d;
    (void)scratch;
    return store_put(r->layout, bytes, &is, err); /* over what is there, which may be damaged */
}

const CacheRepoKind cache_layout = {"layout", open_layout, find_layout, put_layout,
                                    has_blob, get_blob,    put_blob};
