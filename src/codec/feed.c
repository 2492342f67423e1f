/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before each read the unread bytes, with the few behind them, move to the front of the block. They
 * are a handful: a refill happens when a decoder has eaten everything, or wants a short look.
 */
#include "codec/feed.h"

#include <assert.h>

void feed_init(Feed *f, Reader *in)
{
    f->in = in;
    f->p = f->block + FEED_BEHIND;
    f->n = 0;
    f->ended = false;
}

/* One read behind what is there; sets ended when there is no more. */
static int feed_more(Feed *f, Err *err)
{
    ssize_t k;

    memmove(f->block, f->p - FEED_BEHIND, FEED_BEHIND + f->n);
    f->p = f->block + FEED_BEHIND;
    k = reader_read(f->in, f->block + FEED_BEHIND + f->n, FEED_BLOCK - f->n, err);
    if (k < 0)
        return -1;
    f->n += (size_t)k;
    f->ended = k == 0;
    return 0;
}

int feed_fill(Feed *f, Err *err)
{
    if (f->n == 0 && !f->ended)
        TRY(feed_more(f, err));
    return 0;
}

int feed_look(Feed *f, size_t want, Err *err)
{
    assert(want <= FEED_LOOK);
    while (f->n < want && !f->ended)
        TRY(feed_more(f, err));
    return 0;
}

int feed_byte(Feed *f, unsigned char *ret, Err *err)
{
    TRY(feed_fill(f, err));
    if (f->n == 0)
        return 0;
    *ret = *f->p;
    feed_consume(f, 1);
    return 1;
}
