/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/chunker.h"

/*
 * The upper bits of the hash have seen the most bytes. Few cuts before CHUNK_USUAL and many after
 * it: sizes lie close together, and a change in one place costs about as much as in another.
 */
#define UPPER_BITS(n) ((((uint64_t)1 << (n)) - 1) << (64 - (n)))
#define MASK_BEFORE   UPPER_BITS(21)
#define MASK_AFTER    UPPER_BITS(17)

struct Chunker {
    Writer w;
    ChunkFn *fn;
    void *ctx;
    uint64_t hash;
    uint64_t gear[256];
    size_t n;
    char *bytes; /* CHUNK_MAX of them; n are used */
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
    c->hash = 0;
    return c->fn(c->ctx, chunk, err);
}

/* How many of the n bytes belong to the chunk that is being filled; *ret_cut: and it ends there. */
static size_t take(Chunker *c, const unsigned char *p, size_t n, bool *ret_cut)
{
    uint64_t hash = c->hash;
    size_t most = n < CHUNK_MAX - c->n ? n : CHUNK_MAX - c->n, i = 0;

    *ret_cut = false;
    while (i < most && !*ret_cut) {
        hash = (hash << 1) + c->gear[p[i++]];
        if (c->n + i >= CHUNK_MIN)
            *ret_cut = (hash & (c->n + i < CHUNK_USUAL ? MASK_BEFORE : MASK_AFTER)) == 0;
    }
    c->hash = hash;
    *ret_cut = *ret_cut || c->n + i == CHUNK_MAX;
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

Chunker *chunker_new(ChunkFn *fn, void *ctx)
{
    Chunker *c = NEW(Chunker);

    *c = (Chunker){.w = {write_some}, .fn = fn, .ctx = ctx, .bytes = NEW_N(char, CHUNK_MAX)};
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
