/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/chunker.h"

/*
 * The upper bits of the hash have seen the most bytes. One mask, however large the chunk is by now:
 * masks that favour one size would let a cut depend on the one before it, and a change would be
 * felt for many chunks.
 */
#define UPPER_BITS(n) ((((uint64_t)1 << (n)) - 1) << (64 - (n)))
#define CUT_BITS      18 /* at scale 0 */

enum {
    WINDOW = 64 /* bytes: those further back have been shifted out of the hash */
};

struct Chunker {
    Writer w;
    ChunkFn *fn;
    void *ctx;
    uint64_t hash, mask;
    uint64_t gear[256];
    size_t min, max; /* bytes of a chunk */
    size_t n;
    char *bytes; /* 'max' of them; n are used */
};

/* splitmix64 (Steele, Lea, Flood 2014) from 0: numbers that anybody can make again. */
static void fill_gear(uint64_t *gear)
{
    uint64_t state = 0;

    for (size_t i = 0; i < 256; i++) {
        uint64_t z = state += 0x9e3779b97f4a7c15u;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        gear[i] = z ^ (z >> 31);
    }
}

static int cut(Chunker *c, Err *err)
{
    Str chunk = {c->bytes, c->n};

    c->n = 0;
    return c->fn(c->ctx, chunk, err);
}

/* How many of the n bytes belong to the chunk that is being filled; *ret_cut: and it ends there. */
static size_t take(Chunker *c, const unsigned char *p, size_t n, bool *ret_cut)
{
    uint64_t hash = c->hash;
    size_t most = n < c->max - c->n ? n : c->max - c->n;
    size_t unseen = c->n < c->min - WINDOW ? c->min - WINDOW - c->n : 0;
    size_t i = unseen < most ? unseen : most;

    *ret_cut = false;
    while (i < most && !*ret_cut) {
        hash = (hash << 1) + c->gear[p[i++]];
        *ret_cut = (hash & c->mask) == 0 && c->n + i >= c->min;
    }
    c->hash = hash;
    *ret_cut = *ret_cut || c->n + i == c->max;
    return i;
}

static int write_some(Writer *self, const void *buf, size_t n, Err *err)
{
    Chunker *c = (Chunker *)self;
    const char *p = buf;

    while (n > 0) {
        bool ends;
        size_t taken = take(c, (const unsigned char *)p, n, &ends);

        memcpy(c->bytes + c->n, p, taken);
        c->n += taken;
        p += taken;
        n -= taken;
        if (ends)
            TRY(cut(c, err));
    }
    return 0;
}

Chunker *chunker_new(unsigned scale, ChunkFn *fn, void *ctx)
{
    Chunker *c = NEW(Chunker);

    *c = (Chunker){.w = {write_some},
                   .fn = fn,
                   .ctx = ctx,
                   .mask = UPPER_BITS(CUT_BITS + scale),
                   .min = chunk_min(scale),
                   .max = chunk_max(scale),
                   .bytes = NEW_N(char, chunk_max(scale))};
    fill_gear(c->gear);
    return c;
}

Writer *chunker_writer(Chunker *c)
{
    return &c->w;
}

int chunker_finish(Chunker *c, Err *err)
{
    return c->n ? cut(c, err) : 0;
}

void chunker_free(Chunker *c)
{
    if (!c)
        return;
    free(c->bytes);
    free(c);
}
