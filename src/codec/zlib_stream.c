/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/zlib_stream.h"

#include "codec/flate.h"

enum {
    HEADER = 2,
    CHECKSUM = 4, /* bytes */
};

struct ZlibStream {
    Reader r;
    Feed *in;
    const Inflater *engine;
    void *state;
    bool ended;
};

static int skip(Feed *f, size_t n, Err *err)
{
    TRY(feed_look(f, n, err));
    if (f->n < n)
        return err_set(err, ERR_FORMAT, "zlib: truncated");
    feed_consume(f, n);
    return 0;
}

int zlib_stream_begin(ZlibStream *z, Err *err)
{
    const unsigned char *p;

    TRY(feed_look(z->in, HEADER, err));
    p = z->in->p;
    if (z->in->n < HEADER)
        return err_set(err, ERR_FORMAT, "zlib: truncated");
    /* deflate, a window of up to 32 KiB, no dictionary */
    if ((p[0] & 15) != 8 || p[0] >> 4 > 7 || (p[0] * 256 + p[1]) % 31 != 0 || (p[1] & 32))
        return err_set(err, ERR_FORMAT, "zlib: not a stream");
    feed_consume(z->in, HEADER);
    z->engine->reset(z->state);
    z->ended = false;
    return 0;
}

static ssize_t read_stream(Reader *self, void *buf, size_t n, Err *err)
{
    ZlibStream *z = (ZlibStream *)self;
    size_t got = 0;

    while (!z->ended && got == 0) {
        int step;

        TRY(feed_fill(z->in, err));
        if (z->in->n == 0)
            return err_set(err, ERR_FORMAT, "zlib: truncated");
        step = z->engine->step(z->state, &z->in->p, &z->in->n, buf, n, &got, err);
        TRY(step);
        if (step == FLATE_END) {
            z->ended = true;
            TRY(skip(z->in, CHECKSUM, err));
        }
    }
    return (ssize_t)got;
}

Reader *zlib_stream_reader(ZlibStream *z)
{
    return &z->r;
}

ZlibStream *zlib_stream_new(Feed *in)
{
    ZlibStream *z = NEW(ZlibStream);

    z->r = (Reader){read_stream};
    z->in = in;
    z->engine = inflate_fast();
    z->state = z->engine->new ();
    z->ended = true;
    return z;
}

void zlib_stream_free(ZlibStream *z)
{
    if (!z)
        return;
    z->engine->free(z->state);
    free(z);
}
