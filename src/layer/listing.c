/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive passes through on its way to a tar reader, which tells, entry by entry, where data
 * lies. Bytes that it has read ahead of what it can tell wait for that.
 */
#include "layer/listing.h"

#include "base/limits.h"
#include "base/path.h"

enum {
    HEAD = 8 + 4
};

static const size_t WAITING_MAX = (size_t)16 << 20; /* the headers of one entry */

struct Listed {
    Reader r;
    Reader *in;
    Writer *out;
    Buf waiting;       /* read, and not told of yet */
    uint64_t at;       /* of its first byte, in the archive */
    uint64_t from, to; /* data; what is before it is to be kept, what follows is not known yet */
    uint64_t zeros;    /* not written yet: these, and */
    Buf text;          /* what follows them */
    bool failed;
    Err err;
};

/* --- writing --- */

static void store_le(unsigned char *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)(v >> (8 * i));
}

static int write_out(Listed *l, Err *err)
{
    unsigned char head[HEAD];

    store_le(head, l->zeros, 8);
    store_le(head + 8, l->text.n, 4);
    TRY(writer_write(l->out, head, HEAD, err));
    TRY(writer_write(l->out, l->text.p, l->text.n, err));
    l->zeros = 0;
    buf_truncate(&l->text, 0);
    return 0;
}

static int add_zeros(Listed *l, uint64_t n, Err *err)
{
    if (n > 0 && l->text.n > 0)
        TRY(write_out(l, err));
    l->zeros += n;
    return 0;
}

static int add_text(Listed *l, const char *p, size_t n, Err *err)
{
    while (n > 0) {
        size_t room = LISTING_TEXT - l->text.n, k = n < room ? n : room;

        buf_append(&l->text, p, k);
        if (l->text.n == LISTING_TEXT)
            TRY(write_out(l, err));
        p += k;
        n -= k;
    }
    return 0;
}

/* --- telling headers from data --- */

static uint64_t less_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int settle(Listed *l, Err *err)
{
    uint64_t end = l->at + l->waiting.n, kept = 0, data = 0;
    size_t rest;

    if (l->at < l->from)
        kept = less_of(end, l->from) - l->at;
    if (l->at + kept >= l->from && l->at + kept < l->to)
        data = less_of(end, l->to) - l->at - kept;
    TRY(add_text(l, l->waiting.p, (size_t)kept, err));
    TRY(add_zeros(l, data, err));
    rest = l->waiting.n - (size_t)(kept + data);
    if (rest > 0 && kept + data > 0)
        memmove(l->waiting.p, l->waiting.p + kept + data, rest);
    buf_truncate(&l->waiting, rest);
    l->at += kept + data;
    return 0;
}

static int take(Listed *l, const void *p, size_t n, Err *err)
{
    if (l->waiting.n == 0 && l->at >= l->from && l->at + n <= l->to) { /* all of it is data */
        l->at += n;
        return add_zeros(l, n, err);
    }
    buf_append(&l->waiting, p, n);
    TRY(settle(l, err));
    return buf_check(&l->waiting, "the headers of one entry", err);
}

static ssize_t listed_read(Reader *self, void *buf, size_t n, Err *err)
{
    Listed *l = (Listed *)self;
    ssize_t k = reader_read(l->in, buf, n, err);

    if (k > 0 && !l->failed)
        l->failed = take(l, buf, (size_t)k, &l->err) < 0;
    return k;
}

/* Is it one of which the builder wants to know what is in it? */
static bool is_wanted(const TarEntry *e)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str name = path_base(path_rooted(&a, e->name));

    return e->size <= LIMIT_PASSWD && (str_eq(name, S("passwd")) || str_eq(name, S("group")));
}

void listed_entry(Listed *l, const TarReader *t, const TarEntry *e)
{
    uint64_t n = tar_reader_stored(t, &l->from);

    l->to = l->from + (is_wanted(e) ? 0 : n);
    if (!l->failed)
        l->failed = settle(l, &l->err) < 0;
}

/* --- life --- */

Listed *listed_new(Reader *in, Writer *out)
{
    Listed *l = NEW(Listed);

    *l = (Listed){.r = {listed_read},
                  .in = in,
                  .out = out,
                  .waiting = BUF_INIT(WAITING_MAX),
                  .text = BUF_INIT(LISTING_TEXT)};
    return l;
}

Reader *listed_reader(Listed *l)
{
    return &l->r;
}

int listed_finish(Listed *l, Err *err)
{
    l->from = l->to = UINT64_MAX; /* the end of the archive, and what follows it */
    if (!l->failed)
        l->failed = settle(l, &l->err) < 0 || write_out(l, &l->err) < 0;
    if (!l->failed)
        return 0;
    *err = l->err;
    return -1;
}

void listed_free(Listed *l)
{
    if (!l)
        return;
    buf_done(&l->waiting);
    buf_done(&l->text);
    free(l);
}

/* --- reading --- */

static uint64_t load_le(const unsigned char *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

/* 0: the listing ends here. */
static int next_piece(ListingReader *l, Err *err)
{
    unsigned char head[HEAD];
    size_t got;

    TRY(reader_read_full(l->in, head, HEAD, &got, err));
    if (got == 0)
        return 0;
    l->zeros = load_le(head, 8);
    l->text = (uint32_t)load_le(head + 8, 4);
    if (got < HEAD || l->text > LISTING_TEXT || l->zeros > LIMIT_FILE_SIZE)
        return err_set(err, ERR_FORMAT, "the listing of a layer is damaged");
    return 1;
}

static ssize_t listing_read(Reader *self, void *buf, size_t n, Err *err)
{
    ListingReader *l = (ListingReader *)self;
    ssize_t k;

    while (l->zeros == 0 && l->text == 0) {
        int r = next_piece(l, err);

        if (r <= 0)
            return r;
    }
    if (l->zeros > 0) {
        n = (size_t)less_of(n, l->zeros);
        memset(buf, 0, n);
        l->zeros -= n;
        return (ssize_t)n;
    }
    k = reader_read(l->in, buf, less_of(n, l->text), err);
    if (k == 0)
        return err_set(err, ERR_FORMAT, "the listing of a layer ends too soon");
    if (k > 0)
        l->text -= (uint32_t)k;
    return k;
}

ListingReader listing_reader(Reader *in)
{
    return (ListingReader){.r = {listing_read}, .in = in};
}
