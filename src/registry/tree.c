/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole images and indexes, between a store and a repository: documents are walked from the root
 * down, and sent from the leaves up.
 */
#include "base/limits.h"
#include "os/pool.h"
#include "registry/internal.h"

enum {
    TRANSFERS = 4, /* at a time */
    DEPTH_MAX = 4, /* indexes within indexes */
};

typedef struct Tree {
    Registry *r;
    const Reference *to;   /* NULL: into the store */
    const Reference *from; /* NULL: the store has everything */
    Store *store;
} Tree;

typedef struct Transfer {
    const Tree *tree;
    const Descriptor *d;
    Task *task;
} Transfer;

static int pull(const Tree *t, const Descriptor *d, Err *err)
{
    if (store_has(t->store, &d->digest, NULL))
        return 0;
    if (!t->from)
        return err_set(err, ERR_NOT_FOUND, "%s is not in the image's files", d->digest.text);
    return registry_pull_blob(t->r, t->from, d, t->store, NULL, err);
}

static Str mount_from(const Tree *t)
{
    return t->from && str_eq(t->from->registry, t->to->registry) ? t->from->repository : S("");
}

static int transfer(void *arg, Err *err)
{
    const Transfer *x = arg;
    const Tree *t = x->tree;
    PushOutcome ignored;
    int there = 0;

    if (!t->to)
        return pull(t, x->d, err);
    if (!store_has(t->store, &x->d->digest, NULL))
        TRY(there = registry_mount_blob(t->r, t->to, x->d, mount_from(t), err));
    if (there)
        return 0;
    TRY(pull(t, x->d, err));
    return registry_push_blob(t->r, t->to, x->d, S(""), t->store, NULL, &ignored, err);
}

/* All side by side; the first error in their order is reported. */
static int transfer_all(const Tree *t, const Descriptor *v, size_t n, Err *err)
{
    cleanup_with(pool_free_at) Pool *pool = pool_new(TRANSFERS);
    cleanup_free Transfer *all = NEW_N(Transfer, n + 1);
    int rc = 0;

    for (size_t i = 0; i < n; i++) {
        if (media_kind(v[i].media_type) == MEDIA_KIND_FOREIGN_LAYER)
            continue; /* it is where its URLs say */
        all[i] = (Transfer){.tree = t, .d = &v[i]};
        all[i].task = pool_submit(pool, transfer, &all[i]);
    }
    for (size_t i = 0; i < n; i++) {
        Err mine;

        if (all[i].task && task_join(all[i].task, &mine) < 0 && rc == 0) {
            *err = mine;
            rc = -1;
        }
    }
    return rc;
}

static int walk(const Tree *t, const Descriptor *d, const Reference *as, unsigned depth, Err *err);

static int walk_index(const Tree *t, Str json, unsigned depth, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Index x;

    if (depth >= DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "indexes within indexes, more than %d deep", DEPTH_MAX);
    TRY(index_parse(&a, json, &x, err));
    for (size_t i = 0; i < x.n_manifests; i++) {
        Reference as = t->to ? *t->to : (Reference){0};

        as.tag = S("");
        as.digest = x.manifests[i].digest;
        TRY(walk(t, &x.manifests[i], &as, depth + 1, err));
    }
    return 0;
}

static int walk_manifest(const Tree *t, Str json, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Manifest m;

    TRY(manifest_parse(&a, json, &m, err));
    TRY(transfer_all(t, m.layers, m.n_layers, err));
    return transfer_all(t, &m.config, 1, err);
}

/* A document: out of the store, or fetched and put there. */
static int read_document(const Tree *t, const Descriptor *d, Buf *ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Reference ref;
    Descriptor ignored;
    Digest digest;

    if (store_has(t->store, &d->digest, NULL) || !t->from)
        return store_read_blob(t->store, &d->digest, ret, err);
    ref = *t->from;
    ref.tag = S("");
    ref.digest = d->digest;
    TRY(registry_fetch(t->r, &ref, &ignored, ret, &a, err));
    return store_put(t->store, buf_str(ret), &digest, err);
}

/* 'as': the name it gets when it is pushed. */
static int walk(const Tree *t, const Descriptor *d, const Reference *as, unsigned depth, Err *err)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    MediaKind kind;

    TRY(read_document(t, d, &json, err));
    TRY(manifest_kind(buf_str(&json), d->media_type, &kind, err));
    if (kind == MEDIA_KIND_INDEX)
        TRY(walk_index(t, buf_str(&json), depth, err));
    else
        TRY(walk_manifest(t, buf_str(&json), err));
    if (!t->to)
        return 0;
    return registry_push_manifest(t->r, as, d->media_type, buf_str(&json), &d->digest, err);
}

int registry_push_tree(Registry *r, const Reference *to, const Descriptor *root, Store *s,
                       const Reference *from, Err *err)
{
    Tree t = {r, to, from, s};

    return walk(&t, root, to, 0, err);
}

int registry_pull_tree(Registry *r, const Reference *from, const Descriptor *root, Store *s,
                       Err *err)
{
    Tree t = {r, NULL, from, s};

    return walk(&t, root, NULL, 0, err);
}
