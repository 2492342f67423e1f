/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/damage.h - layers that a cache promised and that cannot be used.
 *
 * The build that meets one starts over without reading caches, and writes the layer again. Where a
 * registry still claims to have it under its digest, it would leave the wrong bytes there, for this
 * build's image and all later ones: such a layer gets another digest (layer/twin.h).
 *
 * Ownership  build_run()'s; the builders of both attempts borrow it.
 */
#pragma once

#include <pthread.h>

#include "build/image.h"

struct Damage {
    pthread_mutex_t lock; /* of the first */
    ImageLayerVec found;  /* by the attempt that is under way */
    VEC(Digest) stuck;    /* digests that a registry will not take the right bytes for */
};

void damage_init(Damage *d);
void damage_done(Damage *d);

/* A layer could not be used: is that a cache's fault? Nothing happens otherwise. On any thread. */
void damage_note(Builder *b, const ImageLayer *l, const Err *why);
/* When the attempt has failed: what is to be expected of the registries? Asks them. */
void damage_settle(Builder *b);
/* A layer that was made, and is in the store, becomes one that can be written. */
int damage_avoid(const Builder *b, LayerBlob *blob, Err *err) must_check;
