/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The portable engine. zlib's output is a function of its input, level and memory level on every
 * CPU, as long as a chunk is handed over in one call; so each chunk is one deflate().
 *
 * zlib fails to start for lack of memory only (or a wrong library, which is a broken build): that
 * ends the process, as everywhere in this program.
 */
#include <assert.h>
#define ZLIB_CONST
#include <zlib.h>

#include "codec/flate.h"

enum {
    RAW_WINDOW = -15, /* 32 KiB, no header or trailer */
    MEMORY_LEVEL = 8,
};

static uint32_t zlib_crc32(uint32_t crc, const void *p, size_t n)
{
    return (uint32_t)crc32_z(crc, p, n);
}

/* ---- reading ---- */

static void *zlib_inflate_new(void)
{
    z_stream *z = NEW(z_stream);
    int r = inflateInit2(z, RAW_WINDOW);

    assert(r == Z_OK);
    return z;
}

static void zlib_inflate_reset(void *z)
{
    int r = inflateReset(z);

    assert(r == Z_OK);
}

static void zlib_inflate_free(void *z)
{
    if (!z)
        return;
    (void)inflateEnd(z);
    free(z);
}

static int zlib_inflate_step(void *state, const unsigned char **p, size_t *n, unsigned char *out,
                             size_t n_out, size_t *ret_n, Err *err)
{
    z_stream *z = state;
    int r;

    z->next_in = *p;
    z->avail_in = *n < UINT_MAX ? (unsigned)*n : UINT_MAX;
    z->next_out = out;
    z->avail_out = n_out < UINT_MAX ? (unsigned)n_out : UINT_MAX;
    r = inflate(z, Z_NO_FLUSH);
    if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
        return err_set(err, ERR_FORMAT, "gzip: %s", z->msg ? z->msg : "invalid data");
    *n -= (size_t)(z->next_in - *p);
    *p = z->next_in;
    *ret_n = (size_t)(z->next_out - out);
    return r == Z_STREAM_END ? FLATE_END : FLATE_MORE;
}

const Inflater inflate_zlib = {
    .name = "zlib",
    .new = zlib_inflate_new,
    .reset = zlib_inflate_reset,
    .free = zlib_inflate_free,
    .step = zlib_inflate_step,
    .crc32 = zlib_crc32,
};

/* ---- writing ---- */

static void *zlib_deflate_new(int level)
{
    z_stream *z = NEW(z_stream);
    int r = deflateInit2(z, level, Z_DEFLATED, RAW_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);

    assert(r == Z_OK);
    return z;
}

static void zlib_deflate_free(void *z)
{
    if (!z)
        return;
    (void)deflateEnd(z);
    free(z);
}

static int zlib_deflate_chunk(void *state, const FlateChunk *c, unsigned char *out, size_t room,
                              size_t *ret_n, Err *err)
{
    z_stream *z = state;
    int r = deflateReset(z);

    if (r == Z_OK && c->n_dict > 0)
        r = deflateSetDictionary(z, c->dict, (unsigned)c->n_dict);
    assert(r == Z_OK);
    z->next_in = c->in;
    z->avail_in = (unsigned)c->n_in;
    z->next_out = out;
    z->avail_out = (unsigned)room;
    r = deflate(z, c->last ? Z_FINISH : Z_SYNC_FLUSH);
    /* A flush is complete only when it leaves room behind it. */
    if (r != (c->last ? Z_STREAM_END : Z_OK) || z->avail_in > 0 || z->avail_out == 0)
        return err_set(err, ERR_LIMIT, "gzip: a chunk does not fit its bound");
    *ret_n = room - z->avail_out;
    return 0;
}

const Deflater deflate_zlib = {
    .name = "zlib",
    .new = zlib_deflate_new,
    .free = zlib_deflate_free,
    .chunk = zlib_deflate_chunk,
    .crc32 = zlib_crc32,
};
