/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86-64 engine. What has to be known about ISA-L 2.30:
 *
 * - Reading, it keeps up to 64 bits of input in a register. At the end of a stream the whole bytes
 *   among them were not the stream's, and are given back.
 * - Writing, only level 1 is used: level 3 gives other bytes with AVX-512 than with AVX2, level 0
 *   makes incompressible data longer, and level 2 is hardly smaller. The size of the level buffer
 *   has a say in where blocks end, so it is part of what the output depends on, like the level.
 * - isal_deflate_init() forgets the last stream and its settings entirely; the hash table is cleared
 *   when a stream starts or is given a dictionary.
 * - A stream that starts without a dictionary hashes part of its own state's address in place of its
 *   third byte: one address in some thousands gives other bytes. So no stream does: the first byte
 *   of a layer goes out as a stored block, and is the dictionary of what follows.
 */
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include "codec/flate.h"
#include "codec/unconst.h"

static uint32_t isal_crc32(uint32_t crc, const void *p, size_t n)
{
    return crc32_gzip_refl(crc, p, n);
}

static uint32_t at_most_u32(size_t n)
{
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* ---- reading ---- */

static void *isal_inflate_make(void)
{
    struct inflate_state *z = NEW(struct inflate_state);

    isal_inflate_init(z);
    return z;
}

static void isal_inflate_again(void *z)
{
    isal_inflate_reset(z);
}

static const char *isal_reason(int r)
{
    switch (r) {
    case ISAL_INVALID_BLOCK: return "invalid block";
    case ISAL_INVALID_SYMBOL: return "invalid symbol";
    case ISAL_INVALID_LOOKBACK: return "invalid distance too far back";
    default: return "invalid data";
    }
}

static int isal_inflate_step(void *state, const unsigned char **p, size_t *n, unsigned char *out,
                             size_t n_out, size_t *ret_n, Err *err)
{
    struct inflate_state *z = state;
    const unsigned char *end = *p + *n;
    int r;

    z->next_in = unconst(*p);
    z->avail_in = at_most_u32(*n);
    z->next_out = out;
    z->avail_out = at_most_u32(n_out);
    r = isal_inflate(z);
    if (r != ISAL_DECOMP_OK && r != ISAL_END_INPUT)
        return err_set(err, ERR_FORMAT, "gzip: %s", isal_reason(r));
    *p = z->next_in;
    *ret_n = (size_t)(z->next_out - out);
    if (z->block_state == ISAL_BLOCK_FINISH)
        *p -= z->read_in_length / 8;
    *n = (size_t)(end - *p);
    return z->block_state == ISAL_BLOCK_FINISH ? FLATE_END : FLATE_MORE;
}

const Inflater inflate_isal = {
    .name = "isa-l",
    .new = isal_inflate_make,
    .reset = isal_inflate_again,
    .free = free,
    .step = isal_inflate_step,
    .crc32 = isal_crc32,
};

/* ---- writing ---- */

enum {
    LEVEL = 1,
    LEVEL_BUFFER = ISAL_DEF_LVL1_DEFAULT,
};

typedef struct IsalDeflate {
    struct isal_zstream z;
    uint8_t level_buffer[LEVEL_BUFFER];
} IsalDeflate;

static void *isal_deflate_make(int level)
{
    (void)level;
    return NEW(IsalDeflate);
}

enum {
    STORED_ONE = 6 /* bytes */
};

/* A stored block of one byte, not the last one of its stream (RFC 1951, 3.2.4). */
static void store_one(unsigned char byte, unsigned char out[STORED_ONE])
{
    const unsigned char block[STORED_ONE] = {0, 1, 0, 0xfe, 0xff, byte};

    memcpy(out, block, STORED_ONE);
}

/* 'c' has a dictionary, or no bytes at all. */
static int deflate_behind(IsalDeflate *d, const FlateChunk *c, unsigned char *out, size_t room,
                          size_t *ret_n, Err *err)
{
    struct isal_zstream *z = &d->z;
    int r = COMP_OK;

    isal_deflate_init(z);
    z->level = LEVEL;
    z->level_buf = d->level_buffer;
    z->level_buf_size = LEVEL_BUFFER;
    z->gzip_flag = IGZIP_DEFLATE;
    z->flush = c->last ? NO_FLUSH : SYNC_FLUSH;
    z->end_of_stream = c->last;
    if (c->n_dict > 0)
        r = isal_deflate_set_dict(z, unconst(c->dict), (uint32_t)c->n_dict);
    z->next_in = unconst(c->in);
    z->avail_in = (uint32_t)c->n_in;
    z->next_out = out;
    z->avail_out = (uint32_t)room;
    if (r == COMP_OK)
        r = isal_deflate(z);
    /* A flush is complete only when it leaves room behind it. */
    if (r != COMP_OK || z->avail_in > 0 || z->avail_out == 0 ||
        (c->last && z->internal_state.state != ZSTATE_END))
        return err_set(err, ERR_LIMIT, "gzip: a chunk does not fit its bound");
    *ret_n = room - z->avail_out;
    return 0;
}

static int isal_deflate_chunk(void *state, const FlateChunk *c, unsigned char *out, size_t room,
                              size_t *ret_n, Err *err)
{
    const unsigned char *in = c->in;
    FlateChunk rest = {in, 1, in + 1, c->n_in - 1, c->last};

    if (c->n_dict > 0 || c->n_in == 0)
        return deflate_behind(state, c, out, room, ret_n, err);
    if (room < STORED_ONE)
        return err_set(err, ERR_LIMIT, "gzip: a chunk does not fit its bound");
    store_one(*in, out);
    TRY(deflate_behind(state, &rest, out + STORED_ONE, room - STORED_ONE, ret_n, err));
    *ret_n += STORED_ONE;
    return 0;
}

const Deflater deflate_isal = {
    .name = "isa-l",
    .new = isal_deflate_make,
    .free = free,
    .chunk = isal_deflate_chunk,
    .crc32 = isal_crc32,
};

const Inflater *inflate_fast(void)
{
    return &inflate_isal;
}

const Deflater *deflate_fast(void)
{
    return &deflate_isal;
}
