/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/zlib_deflate.h"

#include <assert.h>
#define ZLIB_CONST
#include <zlib.h>

enum {
    BLOCK = 32 << 10
};

struct ZlibDeflater {
    z_stream z;
    unsigned char in[BLOCK], out[BLOCK];
};

ZlibDeflater *zlib_deflater_new(void)
{
    ZlibDeflater *d = NEW(ZlibDeflater);
    int r = deflateInit(&d->z, Z_BEST_SPEED);

    assert(r == Z_OK && "out of memory");
    return d;
}

void zlib_deflater_free(ZlibDeflater *d)
{
    if (!d)
        return;
    (void)deflateEnd(&d->z);
    free(d);
}

/* What is in d->in, until zlib wants no more room for it. */
static int drain(ZlibDeflater *d, int how, Writer *out, Err *err)
{
    do {
        int r;

        d->z.next_out = d->out;
        d->z.avail_out = BLOCK;
        r = deflate(&d->z, how);
        assert(r != Z_STREAM_ERROR);
        TRY(writer_write(out, d->out, BLOCK - d->z.avail_out, err));
    } while (d->z.avail_out == 0);
    return 0;
}

int zlib_deflate(ZlibDeflater *d, Reader *in, Writer *out, Err *err)
{
    size_t n;

    (void)deflateReset(&d->z);
    do {
        TRY(reader_read_full(in, d->in, BLOCK, &n, err));
        d->z.next_in = d->in;
        d->z.avail_in = (unsigned)n;
        TRY(drain(d, n < BLOCK ? Z_FINISH : Z_NO_FLUSH, out, err));
    } while (n == BLOCK);
    return 0;
}
