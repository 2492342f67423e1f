/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/vec.h - typed growable arrays:  VEC(Layer) layers = {0};  vec_push(&layers, layer);
 *
 * Ownership  the vector owns its slots, not what they point to.
 */
#pragma once

#include "base/str.h"

#define VEC(T)      \
    struct {        \
        T *v;       \
        size_t n;   \
        size_t cap; \
    }

#define vec_push(vec, item)                                        \
    do {                                                           \
        __typeof__(vec) vec_ = (vec);                              \
        if (vec_->n == vec_->cap) {                                \
            vec_->cap = vec_->cap ? vec_->cap * 2 : 8;             \
            vec_->v = xgrow(vec_->v, vec_->cap, sizeof(*vec_->v)); \
        }                                                          \
        vec_->v[vec_->n++] = (item);                               \
    } while (0)

/* The count is asked first: nothing may be added to the NULL of an empty vector, not even 0. */
#define vec_foreach(it, vec) \
    for (__typeof__(&*(vec)->v) it = (vec)->v; (vec)->n && it < (vec)->v + (vec)->n; it++)

typedef VEC(Str) StrVec;

/* Environment entries, labels, build arguments: in order, keys usually unique. */
typedef struct KeyValue {
    Str key, value;
} KeyValue;
typedef VEC(KeyValue) KeyValueVec;

#define vec_done(vec)              \
    do {                           \
        free((vec)->v);            \
        (vec)->v = NULL;           \
        (vec)->n = (vec)->cap = 0; \
    } while (0)
