/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive passes through on its way to a tar reader, which tells, entry by entry, where data
 * lies. Bytes that it has read ahead of what it can tell wait for that.
 */
#include "layer/listing.h"

#include "base/limits.h"
#include "base/path.h"
#include "tar/reader.h"

enum {
    ZEROS = 64 * 1024
};

static const size_t WAITING_MAX = (size_t)16 << 20; /* the headers of one entry */

typedef struct Blank {
    Reader r;
    Reader *in;
    Writer *out;
    Buf waiting;       /* read, and not written yet */
    uint64_t at;       /* of its first byte, in the archive */
    uint64_t from, to; /* data; what is before it is to be kept, what follows is not known yet */
} Blank;

static int write_zeros(Writer *out, uint64_t n, Err *err)
{
    static const char zeros[ZEROS];

    for (uint64_t k; n > 0; n -= k) {
        k = n < ZEROS ? n : ZEROS;
        TRY(writer_write(out, zeros, (size_t)k, err));
    }
    return 0;
}

static uint64_t less_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Write what can be told of. */
static int settle(Blank *b, Err *err)
{
    uint64_t end = b->at + b->waiting.n, kept = 0, data = 0;
    size_t rest;

    if (b->at < b->from)
        kept = less_of(end, b->from) - b->at;
    if (b->at + kept >= b->from && b->at + kept < b->to)
        data = less_of(end, b->to) - b->at - kept;
    TRY(writer_write(b->out, b->waiting.p, (size_t)kept, err));
    TRY(write_zeros(b->out, data, err));
    rest = b->waiting.n - (size_t)(kept + data);
    if (rest > 0)
        memmove(b->waiting.p, b->waiting.p + kept + data, rest);
    buf_truncate(&b->waiting, rest);
    b->at += kept + data;
    return 0;
}

static ssize_t blank_read(Reader *self, void *buf, size_t n, Err *err)
{
    Blank *b = (Blank *)self;
    ssize_t k = reader_read(b->in, buf, n, err);

    if (k <= 0)
        return k;
    buf_append(&b->waiting, buf, (size_t)k);
    TRY(settle(b, err));
    TRY(buf_check(&b->waiting, "the headers of one entry", err));
    return k;
}

/* Is it one of which the builder wants to know what is in it? */
static bool is_wanted(Arena *a, const TarEntry *e)
{
    Str name = path_base(path_rooted(a, e->name));

    return e->size <= LIMIT_PASSWD && (str_eq(name, S("passwd")) || str_eq(name, S("group")));
}

static int blank_entries(Blank *b, TarReader *t, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    TarEntry e;
    int r;

    while ((r = tar_reader_next(t, &e, err)) > 0) {
        uint64_t n = tar_reader_stored(t, &b->from);

        b->to = b->from + (is_wanted(&a, &e) ? 0 : n);
        TRY(settle(b, err));
    }
    TRY(r);
    b->from = b->to = UINT64_MAX; /* the end of the archive, and what follows it */
    return settle(b, err);
}

int layer_listing(Reader *in, Writer *out, Err *err)
{
    Blank b = {.r = {blank_read}, .in = in, .out = out, .waiting = BUF_INIT(WAITING_MAX)};
    TarReader *t = tar_reader_new(&b.r);
    int rc = blank_entries(&b, t, err);

    tar_reader_free(t);
    buf_done(&b.waiting);
    return rc;
}
