/* SPDX-License-Identifier: Apache-2.0 */
#include "git/pack_write.h"

#include "codec/checksum.h"
#include "codec/zlib_deflate.h"
#include "os/fd.h"
#include "os/signal.h"

#define FAR 0x80000000u /* an offset in the index that stands in the table of long ones */

/* An object on its way. */
typedef struct Packed {
    const GitObject *x;
    uint64_t at; /* in the pack */
    uint32_t crc;
} Packed;
typedef VEC(Packed) PackedVec;

/* A file at the end of the spool while it grows. */
typedef struct Output {
    Writer w;
    GitSpoolWriter to;
    uint64_t begin;
    uint32_t crc; /* of the entry */
} Output;

static int write_hashed(Writer *self, const void *p, size_t n, Err *err)
{
    Output *out = (Output *)self;

    out->crc = crc32_update(out->crc, p, n);
    return git_spool_write(&out->to, p, n, err);
}

static uint64_t written(const Output *out)
{
    return git_spool_end(&out->to) - out->begin;
}

static void begin_file(Output *out)
{
    out->begin = git_spool_end(&out->to);
}

/* The hash of all of it stands at the end. */
static int end_file(Output *out, GitId *ret_sum, GitPart *ret, Err *err)
{
    sha1_final(out->to.sum, ret_sum->b);
    TRY(write_hashed(&out->w, ret_sum->b, GIT_ID_BYTES, err));
    sha1_final(out->to.sum, (unsigned char[SHA1_BYTES]){0}); /* and ready for the next file */
    TRY(git_spool_flush(&out->to, err));
    *ret = (GitPart){out->begin, written(out)};
    return 0;
}

static int put32(Output *out, uint32_t v, Err *err)
{
    const unsigned char b[] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16),
                               (unsigned char)(v >> 8), (unsigned char)v};

    return write_hashed(&out->w, b, sizeof(b), err);
}

/* --- the pack --- */

static int compare(const void *a, const void *b)
{
    return memcmp(((const Packed *)a)->x->id.b, ((const Packed *)b)->x->id.b, GIT_ID_BYTES);
}

/* Each name once, in order. */
static void sort_objects(const GitObjects *o, PackedVec *ret)
{
    for (size_t i = 0; i < git_objects_count(o); i++) {
        const GitObject *x = git_objects_at(o, i);
        const Packed p = {.x = x};

        if (git_objects_find(o, &x->id) == x)
            vec_push(ret, p);
    }
    if (ret->n)
        qsort(ret->v, ret->n, sizeof(*ret->v), compare);
}

/* Type and size as pack_read.c reads them. */
static int put_entry_header(Output *out, const GitObject *x, Err *err)
{
    unsigned char head[10];
    uint64_t left = x->size >> 4;
    size_t n = 0;

    head[n] = (unsigned char)((unsigned)x->type << 4 | (unsigned)(x->size & 15));
    for (; left; left >>= 7) {
        head[n++] |= 128;
        head[n] = left & 127;
    }
    return write_hashed(&out->w, head, n + 1, err);
}

static int put_entry(Output *out, ZlibDeflater *z, Packed *p, Err *err)
{
    FdRangeReader in = fd_range_reader(out->to.spool->fd, p->x->at, p->x->size);

    TRY(signal_check(err));
    p->at = written(out);
    out->crc = 0;
    TRY(put_entry_header(out, p->x, err));
    TRY(zlib_deflate(z, &in.r, &out->w, err));
    p->crc = out->crc;
    return 0;
}

static int put_pack(Output *out, PackedVec *all, GitId *ret_sum, GitPart *ret, Err *err)
{
    cleanup_with(zlib_deflater_free_at) ZlibDeflater *z = zlib_deflater_new();

    begin_file(out);
    TRY(write_hashed(&out->w, "PACK", 4, err));
    TRY(put32(out, 2, err));
    TRY(put32(out, (uint32_t)all->n, err));
    vec_foreach(p, all)
        TRY(put_entry(out, z, p, err));
    return end_file(out, ret_sum, ret, err);
}

/* --- the index --- */

/* For each first byte how many names there are up to it. */
static int put_fanout(Output *out, const PackedVec *all, Err *err)
{
    size_t n = 0;

    for (unsigned first = 0; first < 256; first++) {
        while (n < all->n && all->v[n].x->id.b[0] <= first)
            n++;
        TRY(put32(out, (uint32_t)n, err));
    }
    return 0;
}

static int put_offsets(Output *out, const PackedVec *all, Err *err)
{
    uint32_t n = 0;

    vec_foreach(p, all)
        TRY(put32(out, p->at < FAR ? (uint32_t)p->at : FAR | n++, err));
    vec_foreach(p, all) {
        if (p->at < FAR)
            continue;
        TRY(put32(out, (uint32_t)(p->at >> 32), err));
        TRY(put32(out, (uint32_t)p->at, err));
    }
    return 0;
}

static int put_index(Output *out, const PackedVec *all, const GitId *pack, GitPart *ret, Err *err)
{
    GitId unused;

    begin_file(out);
    TRY(write_hashed(&out->w, "\377tOc", 4, err));
    TRY(put32(out, 2, err));
    TRY(put_fanout(out, all, err));
    vec_foreach(p, all)
        TRY(write_hashed(&out->w, p->x->id.b, GIT_ID_BYTES, err));
    vec_foreach(p, all)
        TRY(put32(out, p->crc, err));
    TRY(put_offsets(out, all, err));
    TRY(write_hashed(&out->w, pack->b, GIT_ID_BYTES, err));
    return end_file(out, &unused, ret, err);
}

int git_pack_write(const GitObjects *o, GitPackFiles *ret, Err *err)
{
    Output out = {.w = {write_hashed}, .to = git_spool_writer(git_objects_spool(o))};
    PackedVec all = {0};
    GitId name = {0};
    int rc;

    sort_objects(o, &all);
    rc = put_pack(&out, &all, &name, &ret->pack, err);
    if (rc == 0)
        rc = put_index(&out, &all, &name, &ret->index, err);
    ret->name = git_id_format(&name);
    git_spool_writer_done(&out.to);
    vec_done(&all);
    return rc;
}
