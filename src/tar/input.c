/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive alternates between single blocks that must be looked at and data that must not be touched. Blocks
 * come out of a buffer that is filled by one large read for many small files; data that is larger than what is
 * buffered is read straight to where the caller wants it. A request for less than DIRECT_MIN goes through the
 * buffer even so: the same read then brings the headers that follow.
 */
#include "tar/input.h"

static const size_t BUFFER = (size_t)128 << 10;    /* bytes */
static const size_t DIRECT_MIN = (size_t)16 << 10; /* bytes */

void tar_input_init(TarInput *t, Reader *in)
{
    *t = (TarInput){.in = in, .buf = NEW_N(unsigned char, BUFFER)};
}

void tar_input_done(TarInput *t)
{
    free(t->buf);
    *t = (TarInput){0};
}

/* One read behind what is buffered; moves a part of a block to the front first. Returns as the read does. */
static ssize_t fill(TarInput *t, Err *err)
{
    ssize_t k;

    if (t->at > 0) {
        memmove(t->buf, t->buf + t->at, t->end - t->at);
        t->end -= t->at;
        t->at = 0;
    }
    k = reader_read(t->in, t->buf + t->end, BUFFER - t->end, err);
    if (k > 0)
        t->end += (size_t)k;
    return k;
}

static void consume(TarInput *t, size_t n)
{
    t->at += n;
    t->offset += n;
}

int tar_input_block(TarInput *t, const TarBlock **ret, Err *err)
{
    while (t->end - t->at < TAR_BLOCK) {
        ssize_t k = fill(t, err);

        if (k < 0)
            return -1;
        if (k == 0 && t->at == t->end)
            return 0;
        if (k == 0)
            return err_set(err, ERR_FORMAT, "the archive ends within a block");
    }
    *ret = (const TarBlock *)(t->buf + t->at);
    consume(t, TAR_BLOCK);
    return 1;
}

ssize_t tar_input_read(TarInput *t, void *p, size_t n, Err *err)
{
    size_t have = t->end - t->at;
    ssize_t k;

    if (have == 0 && n >= DIRECT_MIN) {
        k = reader_read(t->in, p, n, err);
        if (k > 0)
            t->offset += (uint64_t)k;
        return k;
    }
    if (have == 0) {
        k = fill(t, err);
        if (k <= 0)
            return k;
        have = (size_t)k;
    }
    if (n > have)
        n = have;
    memcpy(p, t->buf + t->at, n);
    consume(t, n);
    return (ssize_t)n;
}

int tar_input_skip(TarInput *t, uint64_t n, uint64_t *ret_missing, Err *err)
{
    for (;;) {
        size_t have = t->end - t->at;
        size_t step = n < have ? (size_t)n : have;
        ssize_t k;

        consume(t, step);
        n -= step;
        if (n == 0)
            break;
        k = fill(t, err);
        if (k < 0)
            return -1;
        if (k == 0)
            break;
    }
    *ret_missing = n;
    return 0;
}

int tar_input_drain(TarInput *t, Err *err)
{
    ssize_t k;

    do {
        consume(t, t->end - t->at);
        k = fill(t, err);
    } while (k > 0);
    return k < 0 ? -1 : 0;
}
