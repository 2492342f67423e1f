/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xz. liblzma goes from stream to stream by itself, because the rules of the padding between them
 * (zeros, a multiple of four) are part of the format: for decompress.c the file is one member.
 */
#include <assert.h>
#include <lzma.h>

#include "codec/decoder.h"

#define XZ_MEMORY (((uint64_t)DECODER_XZ_DICTIONARY) + ((uint64_t)4 << 20)) /* and its tables */

typedef struct Xz {
    lzma_stream z;
} Xz;

static void *xz_new(void)
{
    return NEW(Xz); /* all zero is LZMA_STREAM_INIT */
}

static void xz_free(void *state)
{
    lzma_end(&((Xz *)state)->z);
    free(state);
}

static int xz_begin(Decoder *d, Err *err)
{
    lzma_ret r = lzma_stream_decoder(&((Xz *)d->state)->z, XZ_MEMORY,
                                     LZMA_CONCATENATED | LZMA_TELL_UNSUPPORTED_CHECK);

    (void)err;
    assert(r == LZMA_OK);
    return 0;
}

static int xz_failure(lzma_ret r, Err *err)
{
    assert(r != LZMA_MEM_ERROR && r != LZMA_PROG_ERROR);
    if (r == LZMA_MEMLIMIT_ERROR)
        return err_set(err, ERR_LIMIT, "xz: the stream wants a dictionary of more than %zu MiB",
                       DECODER_XZ_DICTIONARY >> 20);
    if (r == LZMA_UNSUPPORTED_CHECK || r == LZMA_OPTIONS_ERROR)
        return err_set(err, ERR_UNSUPPORTED, "xz: the stream uses options unknown to liblzma %s",
                       lzma_version_string());
    return err_set(err, ERR_FORMAT, "xz: corrupt data");
}

static int xz_step(Decoder *d, unsigned char *out, size_t n_out, size_t *ret_n, Err *err)
{
    lzma_stream *z = &((Xz *)d->state)->z;
    lzma_ret r;

    z->next_in = d->feed.p;
    z->avail_in = d->feed.n;
    z->next_out = out;
    z->avail_out = n_out;
    r = lzma_code(z, d->feed.ended ? LZMA_FINISH : LZMA_RUN);
    if (r != LZMA_OK && r != LZMA_STREAM_END && r != LZMA_BUF_ERROR)
        return xz_failure(r, err);
    feed_consume(&d->feed, d->feed.n - z->avail_in);
    *ret_n = n_out - z->avail_out;
    return r == LZMA_STREAM_END ? DECODE_END : DECODE_MORE;
}

const DecoderFormat format_xz = {
    .compression = COMPRESSION_XZ,
    .new = xz_new,
    .free = xz_free,
    .begin = xz_begin,
    .step = xz_step,
};
