/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bzip2. The library has no reset: each stream of a file (pbzip2 writes one for every 900 kB) gets a
 * decompressor of its own.
 */
#include <assert.h>
#include <bzlib.h>

#include "codec/decoder.h"
#include "codec/unconst.h"

typedef struct Bzip2 {
    bz_stream z;
    bool open;
} Bzip2;

static void *bzip2_new(void)
{
    return NEW(Bzip2);
}

static void bzip2_close(Bzip2 *b)
{
    if (b->open)
        (void)BZ2_bzDecompressEnd(&b->z);
    b->open = false;
}

static void bzip2_free(void *state)
{
    bzip2_close(state);
    free(state);
}

static int bzip2_begin(Decoder *d, Err *err)
{
    Bzip2 *b = d->state;
    int r;

    (void)err;
    bzip2_close(b);
    b->z = (bz_stream){0};
    r = BZ2_bzDecompressInit(&b->z, 0, 0);
    assert(r == BZ_OK);
    b->open = true;
    return 0;
}

static unsigned at_most_uint(size_t n)
{
    return n < UINT_MAX ? (unsigned)n : UINT_MAX;
}

static int bzip2_step(Decoder *d, unsigned char *out, size_t n_out, size_t *ret_n, Err *err)
{
    bz_stream *z = &((Bzip2 *)d->state)->z;
    unsigned n_in = at_most_uint(d->feed.n), room = at_most_uint(n_out);
    int r;

    z->next_in = unconst(d->feed.p);
    z->avail_in = n_in;
    z->next_out = (char *)out;
    z->avail_out = room;
    r = BZ2_bzDecompress(z);
    assert(r != BZ_MEM_ERROR && "out of memory");
    if (r != BZ_OK && r != BZ_STREAM_END)
        return err_set(err, ERR_FORMAT, "bzip2: corrupt data");
    feed_consume(&d->feed, n_in - z->avail_in);
    *ret_n = room - z->avail_out;
    return r == BZ_STREAM_END ? DECODE_END : DECODE_MORE;
}

const DecoderFormat format_bzip2 = {
    .compression = COMPRESSION_BZIP2,
    .new = bzip2_new,
    .free = bzip2_free,
    .begin = bzip2_begin,
    .step = bzip2_step,
};
