/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>

/* Bytes. Most arenas hold a few strings for a moment, and pages are zeroed: the first is small. */
static const size_t ARENA_PAGE_FIRST = (size_t)2 * 1024, ARENA_PAGE_MAX = (size_t)64 * 1024;

struct ArenaPage {
    ArenaPage *next;
    size_t cap;
    _Alignas(max_align_t) unsigned char data[];
};

/* Bytes: of one block; of what is free at the end of the heap. */
enum {
    LARGE = 256 << 10,
    SPARE = 4 << 20
};

void mem_setup(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE);
    (void)mallopt(M_TRIM_THRESHOLD, SPARE);
}

static _Noreturn void die_oom(size_t n, size_t size)
{
    (void)fprintf(stderr, "kiln: out of memory (%zu x %zu bytes)\n", n, size);
    abort();
}

void *xalloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);

    if (!p)
        die_oom(n, size);
    return p;
}

void *xgrow(void *p, size_t n, size_t size)
{
    void *q = reallocarray(p, n ? n : 1, size);

    if (!q)
        die_oom(n, size);
    return q;
}

char *xstrdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(NEW_N(char, n), s, n);
}

static ArenaPage *page_new(ArenaPage *before, size_t want)
{
    size_t cap = before ? before->cap * 2 : ARENA_PAGE_FIRST;
    ArenaPage *page;

    if (cap > ARENA_PAGE_MAX)
        cap = ARENA_PAGE_MAX;
    if (cap < want)
        cap = want;
    page = xalloc(1, sizeof(*page) + cap);
    page->cap = cap;
    page->next = before;
    return page;
}

void *arena_alloc(Arena *a, size_t n, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    size_t want;
    void *p;

    if (__builtin_mul_overflow(n, size, &want) || want > SIZE_MAX / 2)
        die_oom(n, size);
    want = (want + align - 1) & ~(align - 1);
    if (!a->page || a->page->cap - a->used < want) {
        a->page = page_new(a->page, want);
        a->used = 0;
        a->total += a->page->cap;
    }
    p = a->page->data + a->used;
    a->used += want;
    return p;
}

void arena_done(Arena *a)
{
    for (ArenaPage *p = a->page, *next; p; p = next) {
        next = p->next;
        free(p);
    }
    *a = (Arena)ARENA_INIT;
}
