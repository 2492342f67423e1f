/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an archive. What the reader gives out is held against its header: runs in order and within the file,
 * no more data than said. And what it has read, the writer must be able to say again, so that reading that gives the
 * same entry.
 */
#include <assert.h>

#include "base/limits.h"
#include "tar/header.h"
#include "tar/reader.h"
#include "tar/writer.h"

enum {
    DATA_MAX = 1 << 20, /* bytes looked at of one file: holes can be huge */
    RUNS_MAX = 64,
    PIECE = 3000
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* An entry with its data as the runs that were read. */
typedef struct Copy {
    TarRun runs[RUNS_MAX];
    size_t n_runs;
    Buf data;
    bool whole; /* it all fitted */
} Copy;

static int read_runs(TarReader *t, const TarEntry *e, Copy *c, Err *err)
{
    char piece[PIECE];
    uint64_t at, end = 0;
    ssize_t k;

    c->whole = true;
    while ((k = tar_reader_run(t, &at, piece, sizeof(piece), err)) > 0) {
        assert(at >= end && at <= e->size && (uint64_t)k <= e->size - at);
        end = at + (uint64_t)k;
        buf_append(&c->data, piece, (size_t)k);
        if (c->n_runs < RUNS_MAX)
            c->runs[c->n_runs++] = (TarRun){.at = at, .n = (uint64_t)k};
        else
            c->whole = false;
    }
    c->whole = c->whole && !c->data.full;
    return (int)k;
}

/* Some of the data as a stream; true when it is sound so far. */
static bool read_stream(TarReader *t, const TarEntry *e)
{
    char piece[PIECE];
    uint64_t sum = 0;
    ssize_t k = 1;
    Err err;

    while (sum < DATA_MAX && (k = reader_read(tar_reader_data(t), piece, sizeof(piece), &err)) > 0)
        sum += (uint64_t)k;
    assert(sum <= e->size);
    assert(k != 0 || sum == e->size);
    return k >= 0;
}

static void check_same(const TarEntry *a, const TarEntry *b)
{
    assert(a->type == b->type && a->mode == b->mode && a->size == b->size);
    assert(a->uid == b->uid && a->gid == b->gid && a->mtime_ns == b->mtime_ns);
    assert(a->dev_major == b->dev_major && a->dev_minor == b->dev_minor);
    assert(str_eq(a->name, b->name) && str_eq(a->link, b->link));
    assert(xattrs_equal(a->xattrs, b->xattrs));
}

static bool write_copy(const TarEntry *e, const Copy *c, Buf *to)
{
    BufWriter out = buf_writer(to);
    cleanup_with(tar_writer_free_at) TarWriter *t = tar_writer_new(&out.w);
    Err err;
    int r = e->type == TAR_FILE ? tar_writer_sparse(t, e, c->runs, c->n_runs, &err)
                                : tar_writer_entry(t, e, &err);

    if (r < 0) { /* a reader also takes names that are empty */
        assert(err.kind == ERR_UNSUPPORTED || err.kind == ERR_LIMIT);
        return false;
    }
    r = tar_writer_data(t, c->data.p, c->data.n, &err);
    assert(r == 0);
    r = tar_writer_finish(t, &err);
    assert(r == 0);
    return true;
}

static void round_trip(const TarEntry *e, const Copy *c)
{
    cleanup_buf Buf bytes = BUF_INIT((size_t)16 << 20);
    cleanup_with(tar_reader_free_at) TarReader *t = NULL;
    MemReader m;
    TarEntry again;
    Err err;
    int r;

    if (!write_copy(e, c, &bytes))
        return;
    m = mem_reader(buf_str(&bytes));
    t = tar_reader_new(&m.r);
    r = tar_reader_next(t, &again, &err);
    assert(r == 1);
    check_same(e, &again);
    r = tar_reader_next(t, &again, &err);
    assert(r == 0);
}

/* The data as runs, written and read again; true when it is sound. */
static bool read_and_copy(TarReader *t, const TarEntry *e)
{
    Copy c = {.data = BUF_INIT(DATA_MAX)};
    Err err;
    int r = read_runs(t, e, &c, &err);

    if (r == 0 && c.whole)
        round_trip(e, &c);
    buf_done(&c.data);
    return r == 0;
}

static void read_archive(const void *data, size_t n)
{
    MemReader m = mem_reader((Str){data, n});
    cleanup_with(tar_reader_free_at) TarReader *t = tar_reader_new(&m.r);
    uint64_t last = 0;
    TarEntry e;
    Err err;

    for (size_t i = 0; tar_reader_next(t, &e, &err) > 0; i++) {
        assert(e.name.n <= LIMIT_PATH && e.link.n <= LIMIT_PATH && e.size <= LIMIT_FILE_SIZE);
        assert(e.type == TAR_FILE || e.size == 0);
        assert(i == 0 || tar_reader_offset(t) > last);
        last = tar_reader_offset(t);
        if (!(i % 2 ? read_stream(t, &e) : read_and_copy(t, &e)))
            break;
    }
}

/* Mutated headers have wrong checksums and would all be refused at once: what is like a header gets a right one. */
static void seal_headers(char *p, size_t n)
{
    for (; n >= TAR_BLOCK; p += TAR_BLOCK, n -= TAR_BLOCK) {
        TarBlock *b = (TarBlock *)(void *)p;

        if (memcmp(b->magic, "ustar", 5) == 0)
            tar_block_seal(b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *sealed = NEW_N(char, n);

    (void)tar_looks_like(data, n);
    read_archive(data, n);
    if (n)
        memcpy(sealed, data, n);
    seal_headers(sealed, n);
    read_archive(sealed, n);
    free(sealed);
    return 0;
}
