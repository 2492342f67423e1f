/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/mem.h - allocation that cannot fail, and arenas.
 *
 * Running out of memory ends the process with one line on stderr; no caller checks.
 * Sizes that come from outside (tar headers, Content-Length) are bounded first: ERR_LIMIT.
 */
#pragma once

#include "base/base.h"

void *xalloc(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));
void *xgrow(void *p, size_t n, size_t size) __attribute__((alloc_size(2, 3), returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull, nonnull(1)));

/*
 * Once, before all else: what is large goes back to the kernel when it is freed. Left alone, glibc
 * keeps ever larger blocks in the arena of each thread, full of holes.
 */
void mem_setup(void);

#define NEW(T)      ((T *)xalloc(1, sizeof(T)))
#define NEW_N(T, n) ((T *)xalloc((n), sizeof(T)))

typedef struct ArenaPage ArenaPage;
typedef struct Arena {
    ArenaPage *page; /* newest first */
    size_t used;     /* of that page */
    size_t total;    /* bytes of all pages */
} Arena;

#define ARENA_INIT \
    {              \
        0          \
    }

/* Zeroed memory that lives until arena_done(). Holds bytes only: never an fd or a handle. */
void *arena_alloc(Arena *a, size_t n, size_t size)
    __attribute__((alloc_size(2, 3), returns_nonnull));
void arena_done(Arena *a);

#define arena_new(a, T)      ((T *)arena_alloc((a), 1, sizeof(T)))
#define arena_new_n(a, T, n) ((T *)arena_alloc((a), (n), sizeof(T)))
#define cleanup_arena        cleanup_with(arena_done)
