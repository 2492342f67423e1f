/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zstd (RFC 8878). Frame after frame is begun by decompress.c, which lets only today's format and
 * skippable frames through: libzstd would also read the formats from before 1.0 where it is built
 * so, by decoders that nobody has looked after for years and that know no window limit.
 */
#include <assert.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "codec/decoder.h"

static void *zstd_new(void)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    size_t r;

    assert(z && "out of memory");
    r = ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, DECODER_ZSTD_WINDOW_LOG);
    assert(!ZSTD_isError(r));
    return z;
}

static void zstd_free(void *state)
{
    (void)ZSTD_freeDCtx(state);
}

static int zstd_begin(Decoder *d, Err *err)
{
    size_t r = ZSTD_DCtx_reset(d->state, ZSTD_reset_session_only);

    (void)err;
    assert(!ZSTD_isError(r));
    return 0;
}

static int zstd_failure(size_t r, Err *err)
{
    ZSTD_ErrorCode code = ZSTD_getErrorCode(r);

    assert(code != ZSTD_error_memory_allocation && "out of memory");
    if (code == ZSTD_error_frameParameter_windowTooLarge)
        return err_set(err, ERR_LIMIT, "zstd: the frame wants a window of more than %zu MiB",
                       ((size_t)1 << DECODER_ZSTD_WINDOW_LOG) >> 20);
    if (code == ZSTD_error_dictionary_wrong)
        return err_set(err, ERR_UNSUPPORTED, "zstd: the frame needs a dictionary");
    return err_set(err, ERR_FORMAT, "zstd: %s", ZSTD_getErrorName(r));
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the library writes through it */
static int zstd_step(Decoder *d, unsigned char *out, size_t n_out, size_t *ret_n, Err *err)
{
    ZSTD_inBuffer in = {d->feed.p, d->feed.n, 0};
    ZSTD_outBuffer to = {out, n_out, 0};
    size_t r = ZSTD_decompressStream(d->state, &to, &in);

    if (ZSTD_isError(r))
        return zstd_failure(r, err);
    feed_consume(&d->feed, in.pos);
    *ret_n = to.pos;
    return r == 0 ? DECODE_END : DECODE_MORE;
}

const DecoderFormat format_zstd = {
    .compression = COMPRESSION_ZSTD,
    .new = zstd_new,
    .free = zstd_free,
    .begin = zstd_begin,
    .step = zstd_step,
};
