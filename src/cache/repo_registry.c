/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/limits.h"
#include "cache/kinds.h"

static int open_registry(CacheRepo *r, bool write, Err *err)
{
    Reference plain = r->spec->ref;

    (void)write;
    (void)err;
    plain.digest = (Digest){0};
    r->name = reference_familiar(&r->arena, &plain);
    return 0;
}

/* "KEY", or "PREFIX-KEY" when several caches share the repository. */
static Reference entry_reference(const CacheRepo *r, const CacheKey *key, Arena *a)
{
    Reference ref = {.registry = r->spec->ref.registry, .repository = r->spec->ref.repository};

    ref.tag = r->spec->ref.tag.n
                  ? str_fmt_in(a, STR_FMT "-%s", STR_ARG(r->spec->ref.tag), key->text)
                  : str_from(key->text);
    return ref;
}

static int find_registry(CacheRepo *r, const CacheKey *key, Buf *ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Reference ref = entry_reference(r, key, &a);
    Descriptor desc;

    TRY(registry_contact(r->base.registry, &ref, false, err));
    if (registry_resolve(r->base.registry, &ref, NULL, &desc, ret, &a, err) == 0)
        return 1;
    /* what is no image is no entry */
    return err->kind == ERR_NOT_FOUND || err->kind == ERR_FORMAT || err->kind == ERR_UNSUPPORTED
               ? 0
               : -1;
}

static int put_registry(CacheRepo *r, const CacheWrite *w, Err *err)
{
    Registry *to = r->base.registry;
    Digest manifest = digest_of(w->manifest);
    PushOutcome ignored;
    Digest config;

    TRY(registry_contact(to, &r->spec->ref, true, err));
    TRY(store_put(r->base.store, w->config_json, &config, err));
    if (w->layer)
        TRY(registry_push_blob(to, &r->spec->ref, w->layer, w->mount_from, r->base.store, NULL,
                               &ignored, err));
    TRY(registry_push_blob(to, &r->spec->ref, w->config, S(""), r->base.store, NULL, &ignored,
                           err));
    for (size_t i = 0; i < w->n_keys; i++) {
        cleanup_arena Arena a = ARENA_INIT;
        Reference ref = entry_reference(r, &w->keys[i], &a);

        TRY(registry_push_manifest(to, &ref, S(MEDIA_OCI_MANIFEST), w->manifest, &manifest, err));
    }
    return 0;
}

static bool has_blob(CacheRepo *r, const Descriptor *d)
{
    (void)r;
    (void)d;
    return true;
}

/* Sent or read: it was there only for that. */
static void drop(Store *scratch, const Descriptor *d)
{
    cleanup_arena Arena a = ARENA_INIT;

    (void)unlink(str_fmt_in(&a, "%s/blobs/sha256/" STR_FMT, store_dir(scratch),
                            STR_ARG(digest_hex(&d->digest)))
                     .p);
}

static int get_blob(CacheRepo *r, const Descriptor *d, Store *scratch, Buf *ret, Err *err)
{
    int rc = registry_pull_blob(r->base.registry, &r->spec->ref, d, scratch, NULL, err);

    if (rc == 0)
        rc = store_read_blob(scratch, &d->digest, ret, err);
    drop(scratch, d);
    return rc;
}

static int put_blob(CacheRepo *r, const Descriptor *d, Str bytes, Store *scratch, Err *err)
{
    PushOutcome ignored;
    Digest is;
    int rc = store_put(scratch, bytes, &is, err);

    if (rc == 0)
        rc = registry_push_blob(r->base.registry, &r->spec->ref, d, S(""), scratch, NULL, &ignored,
                                err);
    drop(scratch, d);
    return rc;
}

const CacheRepoKind cache_registry = {"registry", open_registry, find_registry, put_registry,
                                      has_blob,   get_blob,      put_blob};
