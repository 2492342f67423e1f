/* SPDX-License-Identifier: Apache-2.0 */
#include "base/io.h"

enum {
    PUMP_BLOCK = 64 * 1024
}; /* bytes; on the stack of threads with at least 512 KiB */

int reader_read_full(Reader *r, void *buf, size_t n, size_t *ret, Err *err)
{
    size_t got = 0;

    while (got < n) {
        ssize_t k = reader_read(r, (char *)buf + got, n - got, err);

        if (k < 0)
            return -1;
        if (k == 0)
            break;
        got += (size_t)k;
    }
    *ret = got;
    return 0;
}

int reader_read_all(Reader *r, Buf *to, const char *what, Err *err)
{
    char block[PUMP_BLOCK];

    for (;;) {
        ssize_t k = reader_read(r, block, sizeof(block), err);

        if (k < 0)
            return -1;
        if (k == 0)
            return 0;
        buf_append(to, block, (size_t)k);
        TRY(buf_check(to, what, err));
    }
}

int io_copy(Reader *r, Writer *w, uint64_t *ret_n, Err *err)
{
    char block[PUMP_BLOCK];
    uint64_t total = 0;

    for (;;) {
        ssize_t k = reader_read(r, block, sizeof(block), err);

        if (k < 0)
            return -1;
        if (k == 0)
            break;
        TRY(writer_write(w, block, (size_t)k, err));
        total += (uint64_t)k;
    }
    if (ret_n)
        *ret_n = total;
    return 0;
}

static ssize_t mem_read(Reader *self, void *buf, size_t n, Err *err)
{
    MemReader *m = (MemReader *)self;
    size_t take = n < m->data.n ? n : m->data.n;

    (void)err;
    if (take)
        memcpy(buf, m->data.p, take);
    m->data.p += take;
    m->data.n -= take;
    return (ssize_t)take;
}

MemReader mem_reader(Str data)
{
    return (MemReader){.r = {mem_read}, .data = data};
}

static int buf_write(Writer *self, const void *buf, size_t n, Err *err)
{
    BufWriter *b = (BufWriter *)self;

    buf_append(b->to, buf, n);
    return buf_check(b->to, "buffer", err);
}

BufWriter buf_writer(Buf *to)
{
    return (BufWriter){.w = {buf_write}, .to = to};
}
