/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

void map_done(Map *m)
{
    free(m->v);
    free(m->slots);
    arena_done(&m->keys);
    *m = (Map){0};
}

/* The slot of 'key', or the free slot where it would go. */
static uint32_t *map_slot(const Map *m, Str key, uint64_t hash)
{
    size_t mask = m->n_slots - 1;

    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        uint32_t at = m->slots[i];

        if (at == 0 || (m->v[at - 1].hash == hash && str_eq(m->v[at - 1].key, key)))
            return &m->slots[i];
    }
}

static void map_grow(Map *m)
{
    m->n_slots = m->n_slots ? m->n_slots * 2 : 16;
    free(m->slots);
    m->slots = NEW_N(uint32_t, m->n_slots);
    for (size_t i = 0; i < m->n; i++)
        *map_slot(m, m->v[i].key, m->v[i].hash) = (uint32_t)i + 1;
}

void *map_set(Map *m, Str key, void *value)
{
    uint64_t hash = str_hash(key);
    uint32_t *slot;

    if ((m->n + 1) * 2 > m->n_slots)
        map_grow(m);
    slot = map_slot(m, key, hash);
    if (*slot) {
        void *old = m->v[*slot - 1].value;

        m->v[*slot - 1].value = value;
        return old;
    }
    if (m->n == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 8;
        m->v = xgrow(m->v, m->cap, sizeof(*m->v));
    }
    m->v[m->n] = (MapEntry){.key = str_dup_in(&m->keys, key), .value = value, .hash = hash};
    *slot = (uint32_t)++m->n;
    return NULL;
}

MapEntry *map_find_entry(const Map *m, Str key)
{
    uint32_t at;

    if (m->n == 0)
        return NULL;
    at = *map_slot(m, key, str_hash(key));
    return at ? &m->v[at - 1] : NULL;
}

void *map_find(const Map *m, Str key)
{
    MapEntry *e = map_find_entry(m, key);

    return e ? e->value : NULL;
}
