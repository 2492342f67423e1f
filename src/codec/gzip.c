/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chunks come out of one of the deflate engines (flate.h); here is what makes them one gzip
 * member: the ten bytes before, the eight behind, and the crc of the whole from those of its parts.
 */
#include "codec/gzip.h"

#include <assert.h>
#include <zlib.h>

#include "codec/flate.h"

struct GzipChunker {
    const Deflater *engine;
    void *z;
};

GzipChunker *gzip_chunker_new(GzipCodec codec, int level)
{
    GzipChunker *c = NEW(GzipChunker);
    bool fast = codec == GZIP_FAST;

    c->engine = fast ? deflate_fast() : &deflate_zlib;
    c->z = c->engine->new (fast ? 1 : level);
    return c;
}

void gzip_chunker_free(GzipChunker *c)
{
    if (!c)
        return;
    c->engine->free(c->z);
    free(c);
}

/* Twice the input: ISA-L has been seen to need more than the few per cent that a stored block
   costs. The rest is for the headers and the flush of very short chunks. */
size_t gzip_chunk_bound(size_t n)
{
    return 2 * n + 4096;
}

int gzip_chunk(GzipChunker *c, const GzipChunk *chunk, void *out, size_t *ret_n, uint32_t *ret_crc,
               Err *err)
{
    Str dict = chunk->dict, in = chunk->in;
    FlateChunk flate = {dict.p, dict.n, in.p, in.n, chunk->last};
    size_t n = 0;

    assert(dict.n <= GZIP_WINDOW && in.n <= GZIP_CHUNK);
    TRY(c->engine->chunk(c->z, &flate, out, gzip_chunk_bound(in.n), &n, err));
    *ret_n = n;
    *ret_crc = c->engine->crc32(0, in.p, in.n);
    return 0;
}

uint32_t gzip_crc_combine(uint32_t crc_a, uint32_t crc_b, uint64_t n_b)
{
    return (uint32_t)crc32_combine(crc_a, crc_b, (z_off_t)n_b);
}

void gzip_header(unsigned char ret[GZIP_HEADER])
{
    static const unsigned char header[GZIP_HEADER] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};

    memcpy(ret, header, GZIP_HEADER);
}

static void put_u32le(unsigned char *p, uint32_t v)
{
    for (size_t i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> 8 * i);
}

void gzip_trailer(uint32_t crc, uint64_t n_total, unsigned char ret[GZIP_TRAILER])
{
    put_u32le(ret, crc);
    put_u32le(ret + 4, (uint32_t)n_total); /* modulo 2^32, says RFC 1952 */
}
