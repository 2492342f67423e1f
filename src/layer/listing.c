/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive passes through on its way to a tar reader, or from a tar writer, which tells, entry
 * by entry, where data lies. A reader has read ahead of what it can tell: those bytes wait. A writer
 * has told already of bytes that are still to come.
 */
#include "layer/listing.h"

#include "base/limits.h"
#include "base/path.h"
#include "base/vec.h"

enum {
    HEAD = 8 + 4
};

static const size_t WAITING_MAX = (size_t)16 << 20; /* the headers of one entry */

typedef struct Extent {
    uint64_t from, to; /* bytes of the archive */
} Extent;

struct Listed {
    Reader r;
    Reader *in;
    Writer w;
    Writer *through, *out;
    Buf waiting;      /* has passed, and is not told of yet */
    uint64_t at;      /* of its first byte, in the archive */
    VEC(Extent) data; /* those before data.v[next] have passed */
    size_t next;
    uint64_t told;  /* up to here all is known */
    uint64_t zeros; /* not written yet: these, and */
    Buf text;       /* what follows them */
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

/* The data that is at hand, or is to come; the end of what is told when there is none. */
static Extent next_data(Listed *l)
{
    while (l->next < l->data.n && l->data.v[l->next].to <= l->at)
        l->next++;
    if (l->next == l->data.n) {
        l->next = l->data.n = 0;
        return (Extent){l->told, l->told};
    }
    return l->data.v[l->next];
}

static int settle(Listed *l, Err *err)
{
    uint64_t done = 0, end = l->at + l->waiting.n;

    while (l->at < end && l->at < l->told) {
        Extent e = next_data(l);
        bool is_data = l->at >= e.from;
        uint64_t n = less_of(end, is_data ? e.to : e.from) - l->at;

        TRY(is_data ? add_zeros(l, n, err) : add_text(l, l->waiting.p + done, (size_t)n, err));
        l->at += n;
        done += n;
    }
    if (done > 0 && done < l->waiting.n)
        memmove(l->waiting.p, l->waiting.p + done, l->waiting.n - (size_t)done);
    buf_truncate(&l->waiting, l->waiting.n - (size_t)done);
    return 0;
}

static int take(Listed *l, const void *p, size_t n, Err *err)
{
    Extent e = next_data(l);

    if (l->waiting.n == 0 && l->at >= e.from && l->at + n <= e.to) { /* all of it is data */
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

static int listed_write(Writer *self, const void *buf, size_t n, Err *err)
{
    Listed *l = (Listed *)((char *)self - offsetof(Listed, w));

    if (n > 0 && !l->failed)
        l->failed = take(l, buf, n, &l->err) < 0;
    return writer_write(l->through, buf, n, err);
}

/* Is it one of which the builder wants to know what is in it? */
static bool is_wanted(Str path, uint64_t size)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str name = path_base(path_rooted(&a, path));

    return size <= LIMIT_PASSWD && (str_eq(name, S("passwd")) || str_eq(name, S("group")));
}

void listed_data(Listed *l, Str name, uint64_t at, uint64_t n)
{
    Extent e = {at, at + n};

    l->told = e.to;
    if (n > 0 && !is_wanted(name, n))
        vec_push(&l->data, e);
    if (!l->failed)
        l->failed = settle(l, &l->err) < 0;
}

/* --- life --- */

Listed *listed_new(Writer *out)
{
    Listed *l = NEW(Listed);

    *l = (Listed){.r = {listed_read},
                  .w = {listed_write},
                  .out = out,
                  .waiting = BUF_INIT(WAITING_MAX),
                  .text = BUF_INIT(LISTING_TEXT)};
    return l;
}

Reader *listed_reader(Listed *l, Reader *in)
{
    l->in = in;
    return &l->r;
}

Writer *listed_writer(Listed *l, Writer *to)
{
    l->through = to;
    return &l->w;
}

int listed_finish(Listed *l, Err *err)
{
    l->told = UINT64_MAX; /* the end of the archive, and what follows it */
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
    vec_done(&l->data);
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
