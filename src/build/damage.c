/* SPDX-License-Identifier: Apache-2.0 */
#include "build/damage.h"

#include "base/log.h"
#include "build/download.h"
#include "layer/twin.h"

void damage_init(Damage *d)
{
    *d = (Damage){0};
    (void)pthread_mutex_init(&d->lock, NULL);
}

void damage_done(Damage *d)
{
    vec_done(&d->found);
    vec_done(&d->stuck);
    (void)pthread_mutex_destroy(&d->lock);
}

static bool is_of_blob(const Err *why)
{
    return why->kind == ERR_FORMAT || why->kind == ERR_DIGEST || why->kind == ERR_LIMIT ||
           why->kind == ERR_NOT_FOUND;
}

void damage_note(Builder *b, const ImageLayer *l, const Err *why)
{
    Damage *d = b->damage;

    if (!l->cached)
        return;
    atomic_store(&b->cache_failed, true);
    if (!d || !l->origin || !l->origin->in_registry || !is_of_blob(why))
        return;
    (void)pthread_mutex_lock(&d->lock);
    vec_push(&d->found, *l);
    (void)pthread_mutex_unlock(&d->lock);
}

/* One whose blob is simply gone can be written again. */
static bool is_stuck(Builder *b, const ImageLayer *l)
{
    Err err;
    int there = registry_mount_blob(b->registry, &l->origin->ref, &l->desc, S(""), &err);

    if (there < 0)
        log_debug("%s", err.msg);
    return there > 0;
}

void damage_settle(Builder *b)
{
    Damage *d = b->damage;

    downloads_note_damage(b);
    vec_foreach(l, &d->found)
        if (is_stuck(b, l))
            vec_push(&d->stuck, l->desc.digest);
    d->found.n = 0;
}

int damage_avoid(const Builder *b, LayerBlob *blob, Err *err)
{
    const Digest was = blob->desc.digest;
    bool stuck = false;
    int twin;

    if (b->damage)
        vec_foreach(d, &b->damage->stuck)
            stuck = stuck || digest_eq(d, &was);
    if (!stuck)
        return 0;
    TRY(twin = layer_twin(b->store, b->req->codec.kind, (uint32_t)(b->now_ns / 1000000000), blob,
                          err));
    if (twin)
        builder_note(b, "layer %s is %s from now on: a cache has other bytes under its digest",
                     was.text, blob->desc.digest.text);
    return 0;
}
