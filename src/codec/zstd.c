/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libzstd's own worker threads do the work. Three things make the bytes a function of input and
 * level alone: at least one worker (none takes another code path, with other bytes), a job size that
 * does not follow from the number of workers, and never telling the library how long the input is,
 * which it would notice by itself if the first call were also the last.
 */
#include "codec/zstd.h"

#include <assert.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    JOB_BYTES = 4 * 1024 * 1024,
    WORKERS_MAX = 64,
};

struct ZstdWriter {
    Writer w;
    ZSTD_CCtx *z;
    Writer *to; /* borrowed */
    size_t room;
    unsigned char *block; /* room bytes of output on their way */
};

static int failed(size_t r, Err *err)
{
    assert(ZSTD_getErrorCode(r) != ZSTD_error_memory_allocation && "out of memory");
    return err_set(err, ERR_UNSUPPORTED, "zstd: %s", ZSTD_getErrorName(r));
}

/* One call into the library, and what it had to say into the Writer. Returns what it returned. */
static int compress_some(ZstdWriter *z, ZSTD_inBuffer *in, ZSTD_EndDirective what, size_t *ret_left,
                         Err *err)
{
    ZSTD_outBuffer out = {z->block, z->room, 0};
    size_t left = ZSTD_compressStream2(z->z, &out, in, what);

    if (ZSTD_isError(left))
        return failed(left, err);
    if (out.pos > 0)
        TRY(writer_write(z->to, z->block, out.pos, err));
    *ret_left = left;
    return 0;
}

static int zstd_write(Writer *self, const void *buf, size_t n, Err *err)
{
    ZstdWriter *z = (ZstdWriter *)self;
    ZSTD_inBuffer in = {buf, n, 0};
    size_t left;

    while (in.pos < in.size)
        TRY(compress_some(z, &in, ZSTD_e_continue, &left, err));
    return 0;
}

int zstd_writer_finish(ZstdWriter *z, Err *err)
{
    ZSTD_inBuffer none = {NULL, 0, 0};
    size_t left;

    do
        TRY(compress_some(z, &none, ZSTD_e_end, &left, err));
    while (left > 0);
    return 0;
}

static int set(ZSTD_CCtx *z, ZSTD_cParameter what, int value, Err *err)
{
    size_t r = ZSTD_CCtx_setParameter(z, what, value);

    return ZSTD_isError(r) ? failed(r, err) : 0;
}

/* Debian's static library has none: it works on the calling thread, and its frames are others. */
static bool has_workers(void)
{
    ZSTD_bounds b = ZSTD_cParam_getBounds(ZSTD_c_nbWorkers);

    return !ZSTD_isError(b.error) && b.upperBound > 0;
}

static int set_all(ZSTD_CCtx *z, int level, unsigned workers, Err *err)
{
    if (level < ZSTD_minCLevel() || level > ZSTD_maxCLevel())
        return err_set(err, ERR_USAGE, "zstd: level %d is not in %d to %d", level, ZSTD_minCLevel(),
                       ZSTD_maxCLevel());
    if (workers < 1)
        workers = 1;
    if (workers > WORKERS_MAX)
        workers = WORKERS_MAX;
    TRY(set(z, ZSTD_c_compressionLevel, level, err));
    TRY(set(z, ZSTD_c_checksumFlag, 1, err));
    if (!has_workers())
        return 0;
    TRY(set(z, ZSTD_c_nbWorkers, (int)workers, err));
    return set(z, ZSTD_c_jobSize, JOB_BYTES, err);
}

int zstd_writer_new(int level, unsigned workers, Writer *out, ZstdWriter **ret, Err *err)
{
    cleanup_with(zstd_writer_free_at) ZstdWriter *z = NEW(ZstdWriter);

    z->w.write = zstd_write;
    z->to = out;
    z->room = ZSTD_CStreamOutSize();
    z->block = NEW_N(unsigned char, z->room);
    z->z = ZSTD_createCCtx();
    assert(z->z && "out of memory");
    TRY(set_all(z->z, level, workers, err));
    *ret = steal_ptr(&z);
    return 0;
}

Writer *zstd_writer(ZstdWriter *z)
{
    return &z->w;
}

void zstd_writer_free(ZstdWriter *z)
{
    if (!z)
        return;
    (void)ZSTD_freeCCtx(z->z);
    free(z->block);
    free(z);
}
