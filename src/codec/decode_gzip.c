/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip (RFC 1952) around an engine's raw deflate:
 *
 *      1f 8b 08 flags mtime(4) xfl os | extra | name\0 | comment\0 | crc16 | deflate | crc32 isize
 *
 * The header is read a byte at a time, straight down the page of the RFC; it holds nothing that we
 * keep, but a bad one is an error. The crc is taken of each block as it comes out of the engine,
 * while it is in the cache.
 */
#include "codec/decoder.h"

enum {
    FLAG_HEADER_CRC = 2,
    FLAG_EXTRA = 4,
    FLAG_NAME = 8,
    FLAG_COMMENT = 16,
    FLAGS_RESERVED = 0xe0,
    TRAILER = 8,
    TEXT_MAX = 64 * 1024, /* bytes of a name or comment: many times what any tool writes */
};

typedef struct Gzip {
    const Inflater *engine;
    void *z;
    uint32_t crc;  /* of the header while that is read, then of the data */
    uint32_t size; /* modulo 2^32, as the trailer has it */
} Gzip;

static void *gzip_new_with(const Inflater *engine)
{
    Gzip *g = NEW(Gzip);

    g->engine = engine;
    g->z = engine->new ();
    return g;
}

static void *gzip_new(void)
{
    return gzip_new_with(inflate_fast());
}

static void gzip_free(void *state)
{
    Gzip *g = state;

    g->engine->free(g->z);
    free(g);
}

/* ---- header ---- */

static int header_byte(Decoder *d, unsigned char *ret, Err *err)
{
    Gzip *g = d->state;
    int r = feed_byte(&d->feed, ret, err);

    if (r == 0)
        return decoder_truncated(d, err);
    if (r > 0)
        g->crc = g->engine->crc32(g->crc, ret, 1);
    return r;
}

static int header_u16(Decoder *d, unsigned *ret, Err *err)
{
    unsigned char low, high;

    TRY(header_byte(d, &low, err));
    TRY(header_byte(d, &high, err));
    *ret = low | (unsigned)high << 8;
    return 0;
}

static int skip_bytes(Decoder *d, unsigned n, Err *err)
{
    unsigned char c;

    while (n-- > 0)
        TRY(header_byte(d, &c, err));
    return 0;
}

static int skip_text(Decoder *d, Err *err)
{
    unsigned char c;

    for (size_t n = 0; n < TEXT_MAX; n++) {
        TRY(header_byte(d, &c, err));
        if (c == 0)
            return 0;
    }
    return err_set(err, ERR_LIMIT, "gzip: a name or comment is longer than %d bytes", TEXT_MAX);
}

static int check_header_crc(Decoder *d, Err *err)
{
    unsigned want = ((Gzip *)d->state)->crc & 0xffff, got;

    TRY(header_u16(d, &got, err));
    if (got != want)
        return err_set(err, ERR_FORMAT, "gzip: bad header checksum");
    return 0;
}

static int read_header(Decoder *d, Err *err)
{
    unsigned char flags;
    unsigned n_extra;

    TRY(skip_bytes(d, 3, err)); /* the magic and "deflate", seen by the caller */
    TRY(header_byte(d, &flags, err));
    if (flags & FLAGS_RESERVED)
        return err_set(err, ERR_FORMAT, "gzip: unknown header flags 0x%02x", flags);
    TRY(skip_bytes(d, 6, err));
    if (flags & FLAG_EXTRA) {
        TRY(header_u16(d, &n_extra, err));
        TRY(skip_bytes(d, n_extra, err));
    }
    if (flags & FLAG_NAME)
        TRY(skip_text(d, err));
    if (flags & FLAG_COMMENT)
        TRY(skip_text(d, err));
    if (flags & FLAG_HEADER_CRC)
        TRY(check_header_crc(d, err));
    return 0;
}

static int gzip_begin(Decoder *d, Err *err)
{
    Gzip *g = d->state;

    g->engine->reset(g->z);
    g->crc = 0;
    TRY(read_header(d, err));
    g->crc = 0;
    g->size = 0;
    return 0;
}

/* ---- data and trailer ---- */

static uint32_t get_u32le(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int check_trailer(Decoder *d, Err *err)
{
    const Gzip *g = d->state;
    Feed *f = &d->feed;

    TRY(feed_look(f, TRAILER, err));
    if (f->n < TRAILER)
        return decoder_truncated(d, err);
    if (get_u32le(f->p) != g->crc)
        return err_set(err, ERR_FORMAT, "gzip: bad checksum");
    if (get_u32le(f->p + 4) != g->size)
        return err_set(err, ERR_FORMAT, "gzip: bad length");
    feed_consume(f, TRAILER);
    return DECODE_END;
}

static int gzip_step(Decoder *d, unsigned char *out, size_t n_out, size_t *ret_n, Err *err)
{
    Gzip *g = d->state;
    int r = g->engine->step(g->z, &d->feed.p, &d->feed.n, out, n_out, ret_n, err);

    if (r < 0)
        return -1;
    g->crc = g->engine->crc32(g->crc, out, *ret_n);
    g->size += (uint32_t)*ret_n;
    return r == FLATE_END ? check_trailer(d, err) : DECODE_MORE;
}

const DecoderFormat format_gzip = {
    .compression = COMPRESSION_GZIP,
    .new = gzip_new,
    .free = gzip_free,
    .begin = gzip_begin,
    .step = gzip_step,
};

int decoder_new_gzip(const Inflater *engine, Reader *in, Decoder **ret, Err *err)
{
    TRY(decoder_new(COMPRESSION_GZIP, in, ret, err));
    gzip_free((*ret)->state);
    (*ret)->state = gzip_new_with(engine);
    return 0;
}
