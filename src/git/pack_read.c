/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The base of most deltas is named by its distance in the pack, so it has come before. One named by
 * its id may still be to come: such deltas are kept as they are and made good at the end.
 */
#include "git/pack_read.h"

#include "base/limits.h"
#include "codec/zlib_stream.h"
#include "git/delta.h"
#include "os/fd.h"
#include "os/signal.h"

enum {
    OFS_DELTA = 6,
    REF_DELTA = 7, /* types of entries that are no objects yet */
    TRAILER = SHA1_BYTES,
};

/* A delta whose base has not come yet; its bytes are in the spool. */
typedef struct Waiting {
    GitId base;
    uint64_t at, size, in_pack;
    bool made;
} Waiting;

/* Hashes what passes, but the last TRAILER bytes, which are the pack's own hash. */
typedef struct Tap {
    Reader r;
    Reader *in;
    Sha1 *sum;
    unsigned char tail[TRAILER];
    size_t n_tail;
    uint64_t n; /* bytes that have passed */
} Tap;

static void tap(Tap *t, const unsigned char *p, size_t n)
{
    unsigned char joined[2 * TRAILER];
    size_t all;

    if (n >= TRAILER) {
        sha1_update(t->sum, t->tail, t->n_tail);
        sha1_update(t->sum, p, n - TRAILER);
        memcpy(t->tail, p + n - TRAILER, TRAILER);
        t->n_tail = TRAILER;
        return;
    }
    memcpy(joined, t->tail, t->n_tail);
    memcpy(joined + t->n_tail, p, n);
    all = t->n_tail + n;
    t->n_tail = all < TRAILER ? all : TRAILER;
    sha1_update(t->sum, joined, all - t->n_tail);
    memcpy(t->tail, joined + all - t->n_tail, t->n_tail);
}

static ssize_t read_tapped(Reader *self, void *buf, size_t n, Err *err)
{
    Tap *t = (Tap *)self;
    ssize_t k = reader_read(t->in, buf, n, err);

    if (k > 0) {
        tap(t, buf, (size_t)k);
        t->n += (uint64_t)k;
    }
    return k;
}

typedef struct Pack {
    GitObjects *o;
    Tap tap;
    Feed *feed;
    ZlibStream *z;
    GitSpoolWriter out;
    size_t first; /* of its objects, in o->v */
    VEC(Waiting) waiting;
} Pack;

static int next_byte(Pack *p, unsigned char *ret, Err *err)
{
    int r = feed_byte(p->feed, ret, err);

    if (r == 0)
        return err_set(err, ERR_FORMAT, "the pack ends in the middle");
    return r;
}

/* type and size: three bits and four, then seven at a time. */
static int entry_header(Pack *p, unsigned *ret_type, uint64_t *ret_size, Err *err)
{
    unsigned char c;
    uint64_t size;

    TRY(next_byte(p, &c, err));
    *ret_type = (c >> 4) & 7;
    size = c & 15;
    for (unsigned shift = 4; c & 128; shift += 7) {
        TRY(next_byte(p, &c, err));
        if (shift > 53)
            return err_set(err, ERR_FORMAT, "the pack has an entry of absurd size");
        size |= (uint64_t)(c & 127) << shift;
    }
    *ret_size = size;
    return 0;
}

static int base_distance(Pack *p, uint64_t *ret, Err *err)
{
    unsigned char c;
    uint64_t v;

    TRY(next_byte(p, &c, err));
    v = c & 127;
    while (c & 128) {
        TRY(next_byte(p, &c, err));
        if (v > (UINT64_MAX >> 8))
            return err_set(err, ERR_FORMAT, "the pack names an absurd base");
        v = ((v + 1) << 7) | (c & 127);
    }
    *ret = v;
    return 0;
}

static const GitObject *find_at(const Pack *p, uint64_t in_pack)
{
    size_t n = git_objects_count(p->o), lo = p->first, hi = n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;

        if (git_objects_at(p->o, mid)->in_pack < in_pack)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && git_objects_at(p->o, lo)->in_pack == in_pack ? git_objects_at(p->o, lo) : NULL;
}

/* The stream that has been read must end here. */
static int end_stream(Pack *p, Err *err)
{
    char more;
    ssize_t k = reader_read(zlib_stream_reader(p->z), &more, 1, err);

    if (k > 0)
        return err_set(err, ERR_FORMAT, "the pack has an entry that is longer than it says");
    return (int)k;
}

static int copy_stream(Pack *p, uint64_t size, Err *err)
{
    char block[16384];

    while (size > 0) {
        size_t want = size < sizeof(block) ? (size_t)size : sizeof(block);
        ssize_t k = reader_read(zlib_stream_reader(p->z), block, want, err);

        TRY(k < 0 ? -1 : 0);
        if (k == 0)
            return err_set(err, ERR_FORMAT, "the pack has an entry that is shorter than it says");
        TRY(git_spool_write(&p->out, block, (size_t)k, err));
        size -= (uint64_t)k;
    }
    return 0;
}

static int end_object(Pack *p, GitType type, const GitPart *at, uint64_t in_pack, Err *err)
{
    GitObject x = {.type = (uint8_t)type, .at = at->at, .size = at->size, .in_pack = in_pack};

    sha1_final(p->out.sum, x.id.b);
    return git_objects_add(p->o, &x, err);
}

static int make_from_delta(Pack *p, const GitObject *base, Reader *in, uint64_t in_pack, Err *err)
{
    GitObject copy = *base; /* the table may move */
    GitPart at;

    TRY(git_delta_apply(&p->out, &copy, in, &at, err));
    return end_object(p, copy.type, &at, in_pack, err);
}

/* Keep it until its base has come. */
static int keep_delta(Pack *p, const GitId *base, uint64_t size, uint64_t in_pack, Err *err)
{
    Waiting w = {*base, git_spool_end(&p->out), size, in_pack, false};
    unsigned char unused[SHA1_BYTES];

    if (p->waiting.n >= LIMIT_GIT_OBJECTS)
        return git_objects_too_many(err);
    TRY(git_spool_room(&p->out, size, err));
    TRY(copy_stream(p, size, err));
    TRY(end_stream(p, err));
    sha1_final(p->out.sum, unused);
    vec_push(&p->waiting, w);
    return 0;
}

static int read_delta(Pack *p, unsigned type, uint64_t size, uint64_t in_pack, Err *err)
{
    const GitObject *base;
    uint64_t distance;
    GitId id;

    if (type == OFS_DELTA) {
        TRY(base_distance(p, &distance, err));
        base = distance <= in_pack ? find_at(p, in_pack - distance) : NULL;
        if (!base)
            return err_set(err, ERR_FORMAT, "the pack has a delta whose base is not there");
    } else {
        for (size_t i = 0; i < GIT_ID_BYTES; i++)
            TRY(next_byte(p, &id.b[i], err));
        base = git_objects_find(p->o, &id);
    }
    TRY(zlib_stream_begin(p->z, err));
    return base ? make_from_delta(p, base, zlib_stream_reader(p->z), in_pack, err)
                : keep_delta(p, &id, size, in_pack, err);
}

/* Where the feed stands, from the pack's beginning. */
static uint64_t position(const Pack *p)
{
    return p->tap.n - p->feed->n;
}

static int read_entry(Pack *p, Err *err)
{
    uint64_t size, in_pack = position(p);
    unsigned type;
    GitPart at;

    TRY(signal_check(err));
    TRY(entry_header(p, &type, &size, err));
    if (type == OFS_DELTA || type == REF_DELTA)
        return read_delta(p, type, size, in_pack, err);
    if (type < GIT_COMMIT || type > GIT_TAG)
        return err_set(err, ERR_FORMAT, "the pack has an entry of unknown type %u", type);
    at = (GitPart){git_spool_end(&p->out), size};
    TRY(git_object_begin(&p->out, type, size, err));
    TRY(zlib_stream_begin(p->z, err));
    TRY(copy_stream(p, size, err));
    TRY(end_stream(p, err));
    return end_object(p, type, &at, in_pack, err);
}

static int by_base(const void *a, const void *b)
{
    return memcmp(&((const Waiting *)a)->base, &((const Waiting *)b)->base, sizeof(GitId));
}

/* The first of those that wait for this base or a later one, in their order. */
static size_t first_waiting(const Pack *p, const GitId *base)
{
    size_t lo = 0, hi = p->waiting.n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;

        if (memcmp(&p->waiting.v[mid].base, base, sizeof(*base)) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* All that waits for object i; *left counts down. What is made so are further objects. */
static int settle_object(Pack *p, size_t i, size_t *left, Err *err)
{
    const GitObject base = *git_objects_at(p->o, i);

    TRY(signal_check(err));
    for (size_t at = first_waiting(p, &base.id); at < p->waiting.n; at++) {
        Waiting *w = &p->waiting.v[at];
        FdRangeReader r = fd_range_reader(p->out.spool->fd, w->at, w->size);

        if (!git_id_eq(&w->base, &base.id) || w->made)
            break; /* an object that is there twice has found all of them the first time */
        w->made = true;
        TRY(make_from_delta(p, &base, &r.r, w->in_pack, err));
        (*left)--;
    }
    return 0;
}

/* Whatever the order in which they came: each object of the pack is asked for once. */
static int settle_waiting(Pack *p, Err *err)
{
    size_t left = p->waiting.n;

    if (left)
        qsort(p->waiting.v, left, sizeof(*p->waiting.v), by_base);
    TRY(git_spool_flush(&p->out, err));
    for (size_t i = p->first; left && i < git_objects_count(p->o); i++)
        TRY(settle_object(p, i, &left, err));
    return left ? err_set(err, ERR_FORMAT, "the pack has a delta whose base is not there") : 0;
}

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int read_head(Pack *p, uint32_t *ret_n, Err *err)
{
    unsigned char head[12];

    for (size_t i = 0; i < sizeof(head); i++)
        TRY(next_byte(p, &head[i], err));
    if (memcmp(head, "PACK", 4) != 0 || (be32(head + 4) != 2 && be32(head + 4) != 3))
        return err_set(err, ERR_FORMAT, "the server did not send a pack");
    *ret_n = be32(head + 8);
    return 0;
}

static int read_trailer(Pack *p, Err *err)
{
    unsigned char sum[SHA1_BYTES], byte;
    int more;

    for (size_t i = 0; i < TRAILER; i++)
        TRY(next_byte(p, &byte, err));
    TRY(more = feed_byte(p->feed, &byte, err));
    if (more)
        return err_set(err, ERR_FORMAT, "bytes after the end of the pack");
    sha1_final(p->tap.sum, sum);
    if (p->tap.n_tail != TRAILER || memcmp(sum, p->tap.tail, TRAILER) != 0)
        return err_set(err, ERR_FORMAT, "the pack has another checksum than it says");
    return 0;
}

static int read_all(Pack *p, Err *err)
{
    uint32_t n;

    TRY(read_head(p, &n, err));
    for (uint32_t i = 0; i < n; i++)
        if (read_entry(p, err) < 0)
            return err_wrap(err, "object %u of %u", i + 1, n);
    TRY(read_trailer(p, err));
    TRY(settle_waiting(p, err));
    return git_spool_flush(&p->out, err);
}

int git_pack_read(GitObjects *o, Reader *in, Err *err)
{
    cleanup_with(sha1_free_at) Sha1 *of_pack = sha1_new();
    cleanup_free Feed *feed = NEW(Feed);
    cleanup_with(zlib_stream_free_at) ZlibStream *z = zlib_stream_new(feed);
    Pack p = {
        .o = o,
        .tap = {.r = {read_tapped}, .in = in, .sum = of_pack},
        .feed = feed,
        .z = z,
        .out = git_spool_writer(git_objects_spool(o)),
        .first = git_objects_count(o),
    };
    int rc;

    feed_init(feed, &p.tap.r);
    rc = read_all(&p, err);
    vec_done(&p.waiting);
    git_spool_writer_done(&p.out);
    return rc;
}
