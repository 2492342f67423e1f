/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/map.h - Map, from Str keys to pointers; iterates in the order of insertion.
 *
 * Ownership  keys are copied into the map; values are borrowed.
 */
#pragma once

#include "base/str.h"

typedef struct MapEntry {
    Str key; /* lives as long as the map */
    void *value;
    uint64_t hash;
} MapEntry;

typedef struct Map {
    MapEntry *v; /* in order of insertion */
    size_t n;
    size_t cap;
    uint32_t *slots; /* open addressing: index into v plus 1, 0 = free */
    size_t n_slots;  /* a power of two */
    Arena keys;
} Map;

void map_done(Map *m);
#define cleanup_map cleanup_with(map_done)

/* Insert or replace; returns the value that was there before, or NULL. */
void *map_set(Map *m, Str key, void *value);
void *map_find(const Map *m, Str key);           /* NULL when absent */
MapEntry *map_find_entry(const Map *m, Str key); /* NULL when absent; tells a NULL value apart */

#define map_foreach(e, m) for (MapEntry *e = (m)->v; (m)->n && e < (m)->v + (m)->n; e++)
