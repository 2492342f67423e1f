/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deltas say how to make an object out of another one: copy a piece of the base, or take these
 * bytes. The base of most is named by its distance in the pack, so it has come before. One named by
 * its id may still be to come: such deltas are kept as they are and made good at the end.
 */
#include "git/objects.h"

#include <assert.h>
#include <stdio.h>

#include "base/limits.h"
#include "codec/sha1.h"
#include "codec/zlib_stream.h"
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
} Waiting;

struct GitObjects {
    GitSpool *spool;
    VEC(GitObject) v; /* in the order of packs and their entries, except those that waited */
    uint32_t *slots;  /* open addressing: index into v plus 1, 0 = free */
    size_t n_slots;   /* a power of two */
};

/* --- names --- */

bool git_id_parse(Str hex, GitId *ret)
{
    if (hex.n != GIT_ID_TEXT)
        return false;
    for (size_t i = 0; i < hex.n; i++) {
        char c = hex.p[i];
        int v = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;

        if (v < 0)
            return false;
        ret->b[i / 2] = (unsigned char)(i % 2 ? ret->b[i / 2] | v : v << 4);
    }
    return true;
}

GitIdText git_id_format(const GitId *id)
{
    GitIdText t;

    for (size_t i = 0; i < GIT_ID_BYTES; i++)
        (void)snprintf(t.z + 2 * i, 3, "%02x", id->b[i]);
    return t;
}

/* --- the table --- */

/* Names are hashes already. */
static size_t slot_of(const GitObjects *o, const GitId *id)
{
    uint64_t h;

    memcpy(&h, id->b, sizeof(h));
    for (h &= o->n_slots - 1; o->slots[h]; h = (h + 1) & (o->n_slots - 1))
        if (git_id_eq(&o->v.v[o->slots[h] - 1].id, id))
            break;
    return h;
}

static void grow_table(GitObjects *o)
{
    if (o->n_slots >= 2 * (o->v.n + 1))
        return;
    o->n_slots = o->n_slots ? o->n_slots * 2 : 1024;
    free(o->slots);
    o->slots = NEW_N(uint32_t, o->n_slots);
    for (size_t i = 0; i < o->v.n; i++)
        o->slots[slot_of(o, &o->v.v[i].id)] = (uint32_t)i + 1;
}

/* A name that is there already keeps its first place, but the entry may be a delta's base. */
static int add_object(GitObjects *o, const GitObject *x, Err *err)
{
    size_t slot;

    if (o->v.n >= LIMIT_GIT_OBJECTS)
        return err_set(err, ERR_LIMIT, "the repository has more than %u objects",
                       LIMIT_GIT_OBJECTS);
    grow_table(o);
    slot = slot_of(o, &x->id);
    vec_push(&o->v, *x);
    if (!o->slots[slot])
        o->slots[slot] = (uint32_t)o->v.n;
    return 0;
}

const GitObject *git_objects_find(const GitObjects *o, const GitId *id)
{
    uint32_t i = o->n_slots ? o->slots[slot_of(o, id)] : 0;

    return i ? &o->v.v[i - 1] : NULL;
}

/* --- one object into the spool --- */

typedef struct Output {
    GitSpool *spool;
    Sha1 *sum;
    char *block; /* IO_BLOCK bytes, collecting */
    size_t n;
    uint64_t begin;
} Output;

static int flush(Output *out, Err *err)
{
    TRY(fd_pwrite_all(out->spool->fd, out->block, out->n, out->spool->end, err));
    out->spool->end += out->n;
    out->n = 0;
    return 0;
}

static int begin_object(Output *out, GitType type, uint64_t size, Err *err)
{
    static const char *const names[] = {
        [GIT_COMMIT] = "commit", [GIT_TREE] = "tree", [GIT_BLOB] = "blob", [GIT_TAG] = "tag"};
    char head[64];
    int n = snprintf(head, sizeof(head), "%s %llu", names[type], (unsigned long long)size);

    if (size > LIMIT_CONTEXT || out->spool->end + out->n > LIMIT_CONTEXT - size)
        return err_set(err, ERR_LIMIT, "the repository is larger than %ju bytes",
                       (uintmax_t)LIMIT_CONTEXT);
    sha1_update(out->sum, head, (size_t)n + 1);
    out->begin = out->spool->end + out->n;
    return 0;
}

static int put(Output *out, const void *p, size_t n, Err *err)
{
    const char *from = p;

    sha1_update(out->sum, from, n);
    while (n > 0) {
        size_t k = IO_BLOCK - out->n < n ? IO_BLOCK - out->n : n;

        memcpy(out->block + out->n, from, k);
        out->n += k;
        from += k;
        n -= k;
        if (out->n == IO_BLOCK)
            TRY(flush(out, err));
    }
    return 0;
}

/* --- deltas --- */

/* The instructions, read byte by byte out of a stream. */
typedef struct Delta {
    Reader *in;
    unsigned char block[4096];
    size_t at, n;
} Delta;

static int delta_fill(Delta *d, Err *err)
{
    ssize_t k;

    if (d->at < d->n)
        return 0;
    k = reader_read(d->in, d->block, sizeof(d->block), err);
    if (k < 0)
        return -1;
    d->at = 0;
    d->n = (size_t)k;
    return 0;
}

static int delta_byte(Delta *d, unsigned char *ret, Err *err)
{
    TRY(delta_fill(d, err));
    if (d->at == d->n)
        return err_set(err, ERR_FORMAT, "a delta ends in the middle");
    *ret = d->block[d->at++];
    return 0;
}

static int delta_size(Delta *d, uint64_t *ret, Err *err)
{
    uint64_t v = 0;

    for (unsigned shift = 0;; shift += 7) {
        unsigned char c;

        TRY(delta_byte(d, &c, err));
        if (shift > 56)
            return err_set(err, ERR_FORMAT, "a delta names an absurd size");
        v |= (uint64_t)(c & 127) << shift;
        if (!(c & 128))
            break;
    }
    *ret = v;
    return 0;
}

/* Bytes that are present in the order of the bits of 'which'. */
static int delta_number(Delta *d, unsigned which, unsigned bits, uint64_t *ret, Err *err)
{
    *ret = 0;
    for (unsigned i = 0; i < bits; i++) {
        unsigned char c;

        if (!(which & (1u << i)))
            continue;
        TRY(delta_byte(d, &c, err));
        *ret |= (uint64_t)c << (8 * i);
    }
    return 0;
}

static int copy_from_base(Output *out, const GitObject *base, uint64_t at, uint64_t n, Err *err)
{
    char block[16384];

    if (at > base->size || n > base->size - at)
        return err_set(err, ERR_FORMAT, "a delta reaches beyond its base");
    while (n > 0) {
        size_t want = n < sizeof(block) ? (size_t)n : sizeof(block), got;

        TRY(fd_pread_full(out->spool->fd, block, want, base->at + at, &got, err));
        if (got < want)
            return err_set(err, ERR_SYS, "the spool file became shorter");
        TRY(put(out, block, got, err));
        at += got;
        n -= got;
    }
    return 0;
}

static int insert_bytes(Output *out, Delta *d, unsigned n, Err *err)
{
    while (n > 0) {
        size_t k;

        TRY(delta_fill(d, err));
        k = d->n - d->at < n ? d->n - d->at : n;
        if (k == 0)
            return err_set(err, ERR_FORMAT, "a delta ends in the middle");
        TRY(put(out, d->block + d->at, k, err));
        d->at += k;
        n -= (unsigned)k;
    }
    return 0;
}

static int instruction(Output *out, Delta *d, const GitObject *base, uint64_t left, uint64_t *ret_n,
                       Err *err)
{
    unsigned char c;
    uint64_t at;

    TRY(delta_byte(d, &c, err));
    if (c == 0)
        return err_set(err, ERR_FORMAT, "a delta has an unknown instruction");
    *ret_n = c;
    if (c & 128) {
        TRY(delta_number(d, c & 15, 4, &at, err));
        TRY(delta_number(d, (c >> 4) & 7, 3, ret_n, err));
        if (*ret_n == 0)
            *ret_n = 0x10000;
    }
    if (*ret_n > left)
        return err_set(err, ERR_FORMAT, "a delta makes more than it says");
    return c & 128 ? copy_from_base(out, base, at, *ret_n, err) : insert_bytes(out, d, c, err);
}

static int apply_delta(Output *out, const GitObject *base, Reader *in, uint64_t *ret_size, Err *err)
{
    Delta d = {.in = in};
    uint64_t base_size, size;

    TRY(flush(out, err)); /* the base may be what was written last */
    TRY(delta_size(&d, &base_size, err));
    TRY(delta_size(&d, &size, err));
    if (base_size != base->size)
        return err_set(err, ERR_FORMAT, "a delta does not fit its base");
    TRY(begin_object(out, base->type, size, err));
    for (uint64_t left = size, n; left > 0; left -= n)
        TRY(instruction(out, &d, base, left, &n, err));
    TRY(delta_fill(&d, err));
    if (d.at < d.n)
        return err_set(err, ERR_FORMAT, "a delta goes on after its end");
    *ret_size = size;
    return 0;
}

/* --- the pack --- */

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
    Output out;
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
    size_t lo = p->first, hi = p->o->v.n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;

        if (p->o->v.v[mid].in_pack < in_pack)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < p->o->v.n && p->o->v.v[lo].in_pack == in_pack ? &p->o->v.v[lo] : NULL;
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
        TRY(put(&p->out, block, (size_t)k, err));
        size -= (uint64_t)k;
    }
    return 0;
}

static int end_object(Pack *p, GitType type, uint64_t size, uint64_t in_pack, Err *err)
{
    GitObject x = {.type = (uint8_t)type, .at = p->out.begin, .size = size, .in_pack = in_pack};

    sha1_final(p->out.sum, x.id.b);
    return add_object(p->o, &x, err);
}

static int make_from_delta(Pack *p, const GitObject *base, Reader *in, uint64_t in_pack, Err *err)
{
    GitObject copy = *base; /* the table may move */
    uint64_t size;

    TRY(apply_delta(&p->out, &copy, in, &size, err));
    return end_object(p, copy.type, size, in_pack, err);
}

/* Keep it until its base has come. */
static int keep_delta(Pack *p, const GitId *base, uint64_t size, uint64_t in_pack, Err *err)
{
    Waiting w = {*base, p->out.spool->end + p->out.n, size, in_pack};
    unsigned char unused[SHA1_BYTES];

    if (size > LIMIT_CONTEXT || w.at > LIMIT_CONTEXT - size)
        return err_set(err, ERR_LIMIT, "the repository is larger than %ju bytes",
                       (uintmax_t)LIMIT_CONTEXT);
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

    TRY(signal_check(err));
    TRY(entry_header(p, &type, &size, err));
    if (type == OFS_DELTA || type == REF_DELTA)
        return read_delta(p, type, size, in_pack, err);
    if (type < GIT_COMMIT || type > GIT_TAG)
        return err_set(err, ERR_FORMAT, "the pack has an entry of unknown type %u", type);
    TRY(begin_object(&p->out, type, size, err));
    TRY(zlib_stream_begin(p->z, err));
    TRY(copy_stream(p, size, err));
    TRY(end_stream(p, err));
    return end_object(p, type, size, in_pack, err);
}

/* What waited: each round makes those whose base is there by now. */
static int settle_waiting(Pack *p, Err *err)
{
    for (size_t before = 0; p->waiting.n && before != p->waiting.n;) {
        size_t kept = 0;

        before = p->waiting.n;
        TRY(flush(&p->out, err));
        for (size_t i = 0; i < before; i++) {
            const Waiting w = p->waiting.v[i];
            const GitObject *base = git_objects_find(p->o, &w.base);
            FdRangeReader r = fd_range_reader(p->out.spool->fd, w.at, w.size);

            if (base)
                TRY(make_from_delta(p, base, &r.r, w.in_pack, err));
            else
                p->waiting.v[kept++] = w;
        }
        p->waiting.n = kept;
    }
    return p->waiting.n ? err_set(err, ERR_FORMAT, "the pack has a delta whose base is not there")
                        : 0;
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

    for (size_t i = 0; i < TRAILER; i++)
        TRY(next_byte(p, &byte, err));
    if (feed_byte(p->feed, &byte, err) != 0)
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
    return flush(&p->out, err);
}

int git_objects_read_pack(GitObjects *o, Reader *in, Err *err)
{
    cleanup_with(sha1_free_at) Sha1 *of_pack = sha1_new();
    cleanup_with(sha1_free_at) Sha1 *of_object = sha1_new();
    cleanup_free char *block = NEW_N(char, IO_BLOCK);
    cleanup_free Feed *feed = NEW(Feed);
    cleanup_with(zlib_stream_free_at) ZlibStream *z = zlib_stream_new(feed);
    Pack p = {
        .o = o,
        .tap = {.r = {read_tapped}, .in = in, .sum = of_pack},
        .feed = feed,
        .z = z,
        .out = {.spool = o->spool, .sum = of_object, .block = block},
        .first = o->v.n,
    };
    int rc;

    feed_init(feed, &p.tap.r);
    rc = read_all(&p, err);
    vec_done(&p.waiting);
    return rc;
}

/* --- reading back --- */

GitObjects *git_objects_new(GitSpool *borrowed)
{
    GitObjects *o = NEW(GitObjects);

    o->spool = borrowed;
    return o;
}

void git_objects_free(GitObjects *o)
{
    if (!o)
        return;
    vec_done(&o->v);
    free(o->slots);
    free(o);
}

size_t git_objects_count(const GitObjects *o)
{
    return o->v.n;
}

const GitObject *git_objects_at(const GitObjects *o, size_t i)
{
    return &o->v.v[i];
}

int git_objects_get(const GitObjects *o, const GitId *id, GitType type, Buf *ret, Err *err)
{
    static const char *const names[] = {
        [GIT_COMMIT] = "commit", [GIT_TREE] = "tree", [GIT_BLOB] = "file", [GIT_TAG] = "tag"};
    const GitObject *x = git_objects_find(o, id);
    FdRangeReader r;

    if (!x)
        return err_set(err, ERR_FORMAT, "the %s %s is missing in the pack", names[type],
                       git_id_format(id).z);
    if (x->type != type)
        return err_set(err, ERR_FORMAT, "%s is no %s but a %s", git_id_format(id).z, names[type],
                       names[x->type]);
    r = fd_range_reader(o->spool->fd, x->at, x->size);
    return reader_read_all(&r.r, ret, names[type], err);
}
