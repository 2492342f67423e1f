/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever entry can be said, the writer says it and the reader understands: thousands of entries made by a
 * generator with a fixed seed, odd on purpose, are written, read back and compared field by field and byte by byte,
 * through streams that hand out pieces of any size.
 */
#include "base/limits.h"
#include "tar/reader.h"
#include "tar/writer.h"
#include "test.h"

enum {
    ENTRIES = 400,
    ROUNDS = 12,
    XATTRS_MAX = 3,
    RUNS_MAX = 12
};

static uint64_t seed;

static uint64_t random_u64(void)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static size_t below(size_t n)
{
    return (size_t)(random_u64() % n);
}

/* --- entries ------------------------------------------------------------------------------- */

typedef struct Case {
    TarEntry e;
    Str data; /* the bytes of the runs, or all of them */
    TarRun runs[RUNS_MAX];
    size_t n_runs;
    bool sparse;
    uint64_t offset;
} Case;

static Str random_bytes(Arena *a, size_t n, const char *from)
{
    char *p = arena_new_n(a, char, n + 1);

    for (size_t i = 0; i < n; i++)
        p[i] = from ? from[below(strlen(from))] : (char)random_u64();
    return (Str){p, n};
}

static Str random_name(Arena *a)
{
    static const size_t longest[] = {8, 30, 101, 160, 258, 300, 1000, LIMIT_PATH};
    static const char *const letters[] = {"ab/", "a/./..", "\xff\xc3\xa9/ =\n1",
                                          "abcdefghijklmnop"};
    size_t n = 1 + below(longest[below(ARRAY_LEN(longest))]);

    return random_bytes(a, n, letters[below(ARRAY_LEN(letters))]);
}

static uint64_t random_id(void)
{
    static const uint64_t ids[] = {0,        1,         1000,       65534,
                                   07777777, 010000000, UINT32_MAX, (uint64_t)1 << 40};

    return ids[below(ARRAY_LEN(ids))];
}

static int64_t random_time(void)
{
    static const int64_t times[] = {0,
                                    1,
                                    -1,
                                    1500000000,
                                    999999999,
                                    -1000000000,
                                    INT64_MAX,
                                    INT64_MIN,
                                    8589934591 * (int64_t)1000000000,
                                    8589934592 * (int64_t)1000000000};

    switch (below(3)) {
    case 0: return times[below(ARRAY_LEN(times))];
    case 1: return (int64_t)below(2000000000) * 1000000000;
    default: return (int64_t)random_u64();
    }
}

static const Xattrs *random_xattrs(Arena *a)
{
    Xattr v[XATTRS_MAX];
    size_t n = below(4) ? 0 : 1 + below(XATTRS_MAX);

    for (size_t i = 0; i < n; i++)
        v[i] = (Xattr){.name = str_fmt_in(a, "user.%zu%c", i, (int)('a' + below(26))),
                       .value = random_bytes(a, below(3) ? below(50) : below(5000), NULL)};
    return xattrs_new(v, n);
}

static void random_runs(Case *c)
{
    uint64_t at = below(3) ? below(3000) : 0;

    c->n_runs = below(RUNS_MAX + 1);
    c->data.n = 0;
    for (size_t i = 0; i < c->n_runs; i++) {
        c->runs[i] = (TarRun){.at = at, .n = below(4) ? below(2000) : below(3) * TAR_BLOCK};
        at += c->runs[i].n + (below(2) ? below(600) : below(5000));
        c->data.n += (size_t)c->runs[i].n;
    }
    c->e.size = at + (below(2) ? 0 : below(100000));
}

static void random_case(Arena *a, Case *c)
{
    *c = (Case){.e = {.type = (TarType)below(TAR_FIFO + 1),
                      .name = random_name(a),
                      .link = {"", 0},
                      .mode = (uint32_t)below(010000),
                      .uid = random_id(),
                      .gid = random_id(),
                      .mtime_ns = random_time(),
                      .xattrs = random_xattrs(a)}};
    if (c->e.type == TAR_SYMLINK || c->e.type == TAR_HARDLINK)
        c->e.link = random_name(a);
    if (c->e.type == TAR_CHAR || c->e.type == TAR_BLOCK_DEVICE) {
        c->e.dev_major = (uint32_t)random_id();
        c->e.dev_minor = (uint32_t)random_id();
    }
    while (c->e.type == TAR_DIR && c->e.name.n > 1 && c->e.name.p[c->e.name.n - 1] == '/')
        c->e.name.n--; /* as the reader gives them */
    if (c->e.type != TAR_FILE)
        return;
    c->sparse = below(3) == 0;
    c->data.n = below(10) ? below(3000) : below(200000);
    if (c->sparse)
        random_runs(c);
    else
        c->e.size = c->data.n;
    c->data = random_bytes(a, c->data.n, NULL);
}

/* --- out ----------------------------------------------------------------------------------- */

static void write_data(TarWriter *t, Str data)
{
    Err err;

    while (data.n > 0) {
        size_t n = 1 + below(data.n);

        CHECK_OK(tar_writer_data(t, data.p, n, &err));
        data = str_skip(data, n);
    }
}

static void write_all(Case *cases, size_t n, Buf *to)
{
    BufWriter out = buf_writer(to);
    cleanup_with(tar_writer_free_at) TarWriter *t = tar_writer_new(&out.w);
    Err err;

    for (Case *c = cases; c < cases + n; c++) {
        if (c->sparse)
            CHECK_OK(tar_writer_sparse(t, &c->e, c->runs, c->n_runs, &err));
        else
            CHECK_OK(tar_writer_entry(t, &c->e, &err));
        c->offset = tar_writer_offset(t);
        write_data(t, c->data);
    }
    CHECK_OK(tar_writer_finish(t, &err));
}

/* --- and back ------------------------------------------------------------------------------ */

typedef struct Pieces {
    Reader r;
    Str left;
    size_t max;
} Pieces;

static ssize_t pieces_read(Reader *self, void *buf, size_t n, Err *err)
{
    Pieces *p = (Pieces *)self;
    size_t k = 1 + below(p->max);

    (void)err;
    if (k > n)
        k = n;
    if (k > p->left.n)
        k = p->left.n;
    memcpy(buf, p->left.p, k);
    p->left = str_skip(p->left, k);
    return (ssize_t)k;
}

static void check_entry(const TarEntry *got, const TarEntry *want)
{
    CHECK(got->type == want->type);
    CHECK_STR(got->name, want->name);
    CHECK_STR(got->link, want->link);
    CHECK(got->mode == want->mode && got->uid == want->uid && got->gid == want->gid);
    CHECK(got->size == want->size);
    CHECK(got->mtime_ns == want->mtime_ns);
    CHECK(got->dev_major == want->dev_major && got->dev_minor == want->dev_minor);
    CHECK(xattrs_equal(got->xattrs, want->xattrs));
}

/* The file as it should look. */
static char *expected(const Case *c)
{
    char *p = NEW_N(char, (size_t)c->e.size + 1);
    const char *from = c->data.p;

    if (!c->sparse && c->data.n)
        memcpy(p, from, c->data.n);
    for (size_t i = 0; i < c->n_runs; from += c->runs[i++].n)
        memcpy(p + c->runs[i].at, from, (size_t)c->runs[i].n);
    return p;
}

static void check_as_data(TarReader *t, const Case *c, const char *want)
{
    size_t at = 0, n = (size_t)c->e.size;
    static char buf[70000];
    ssize_t k;
    Err err;

    while ((k = reader_read(tar_reader_data(t), buf, 1 + below(sizeof(buf)), &err)) > 0) {
        CHECK((size_t)k <= n - at && memcmp(buf, want + at, (size_t)k) == 0);
        at += (size_t)k;
    }
    CHECK(k == 0 && at == n);
}

/* The runs are within the file, in order, and what is between them is zero. */
static void check_as_runs(TarReader *t, const Case *c, char *want)
{
    static char buf[70000];
    uint64_t at, end = 0;
    ssize_t k;
    Err err;

    while ((k = tar_reader_run(t, &at, buf, 1 + below(sizeof(buf)), &err)) > 0) {
        CHECK(at >= end && at + (uint64_t)k <= c->e.size);
        CHECK(memcmp(buf, want + at, (size_t)k) == 0);
        memset(want + at, 0, (size_t)k);
        end = at + (uint64_t)k;
    }
    CHECK(k == 0);
    for (uint64_t i = 0; i < c->e.size; i++)
        CHECK(want[i] == 0);
}

static void check_case(TarReader *t, const TarEntry *got, const Case *c)
{
    cleanup_free char *want = expected(c);

    check_entry(got, &c->e);
    switch (below(3)) {
    case 0: check_as_data(t, c, want); break;
    case 1: check_as_runs(t, c, want); break;
    default: break; /* skipped by the next call */
    }
}

static void read_all(const Case *cases, size_t n, const Buf *archive)
{
    Pieces in = {.r = {pieces_read}, .left = buf_str(archive), .max = below(2) ? 700 : 300000};
    cleanup_with(tar_reader_free_at) TarReader *t = tar_reader_new(&in.r);
    TarEntry e;
    Err err;

    for (const Case *c = cases; c < cases + n; c++) {
        CHECK_OK(tar_reader_next(t, &e, &err));
        CHECK(tar_reader_offset(t) == c->offset);
        check_case(t, &e, c);
    }
    CHECK(tar_reader_next(t, &e, &err) == 0 && in.left.n == 0);
}

/* An offset is all that is needed to find an entry again. */
static void read_from_offsets(const Case *cases, size_t n, const Buf *archive)
{
    for (size_t i = 0; i < n; i += 1 + below(20)) {
        MemReader m = mem_reader(str_skip(buf_str(archive), (size_t)cases[i].offset));
        cleanup_with(tar_reader_free_at) TarReader *t = tar_reader_new(&m.r);
        TarEntry e;
        Err err;

        CHECK_OK(tar_reader_next(t, &e, &err));
        check_case(t, &e, &cases[i]);
    }
}

static void one_round(void)
{
    cleanup_buf Buf first = BUF_INIT((size_t)1 << 30), second = BUF_INIT((size_t)1 << 30);
    cleanup_arena Arena a = ARENA_INIT;
    Case *cases = NEW_N(Case, ENTRIES);

    for (size_t i = 0; i < ENTRIES; i++)
        random_case(&a, &cases[i]);
    write_all(cases, ENTRIES, &first);
    write_all(cases, ENTRIES, &second); /* in other pieces: the same bytes */
    CHECK(str_eq(buf_str(&first), buf_str(&second)));
    read_all(cases, ENTRIES, &first);
    read_from_offsets(cases, ENTRIES, &first);
    for (size_t i = 0; i < ENTRIES; i++) {
        union {
            const Xattrs *borrowed;
            Xattrs *own;
        } x = {cases[i].e.xattrs};

        xattrs_free(x.own);
    }
    free(cases);
}

TEST(entries_come_back_as_they_were)
{
    for (uint64_t i = 0; i < ROUNDS; i++) {
        seed = i;
        one_round();
    }
}

TEST_MAIN(T(entries_come_back_as_they_were))
