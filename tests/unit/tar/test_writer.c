/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "tar/header.h"
#include "tar/writer.h"
#include "test.h"

/* A writer into memory. */
typedef struct Made {
    Buf bytes;
    BufWriter out;
    TarWriter *t;
} Made;

static void make(Made *m)
{
    m->bytes = (Buf)BUF_INIT((size_t)64 << 20);
    m->out = buf_writer(&m->bytes);
    m->t = tar_writer_new(&m->out.w);
}

static void add(Made *m, TarEntry e)
{
    Err err;

    CHECK_OK(tar_writer_entry(m->t, &e, &err));
}

static void finish(Made *m)
{
    Err err;

    CHECK_OK(tar_writer_finish(m->t, &err));
    tar_writer_free(m->t);
    m->t = NULL;
    CHECK(m->bytes.n % TAR_BLOCK == 0);
}

static void drop(Made *m)
{
    tar_writer_free(m->t);
    buf_done(&m->bytes);
}

static const TarBlock *block(const Made *m, size_t i)
{
    const TarBlock *b = (const TarBlock *)(const void *)(m->bytes.p + i * TAR_BLOCK);

    CHECK((i + 1) * TAR_BLOCK <= m->bytes.n);
    return b;
}

/* The single entry e, finished. */
static void make_one(Made *m, TarEntry e)
{
    make(m);
    add(m, e);
    finish(m);
}

static TarEntry entry(TarType type, Str name)
{
    return (TarEntry){.type = type, .name = name, .link = {"", 0}, .mode = 0644};
}

TEST(an_empty_archive)
{
    Made m;

    make(&m);
    finish(&m);
    CHECK(m.bytes.n == (size_t)2 * TAR_BLOCK);
    CHECK(tar_block_empty(block(&m, 0)) && tar_block_empty(block(&m, 1)));
    drop(&m);
}

/* Every byte of a plain header: what is not said is NUL. */
TEST(a_ustar_header_to_the_byte)
{
    TarBlock want = {.name = "etc/passwd",
                     .mode = "0000644",
                     .uid = "0001750",
                     .gid = "0000144",
                     .size = "00000000005",
                     .mtime = "13132027400",
                     .sum = "011254",
                     .flag = '0',
                     .magic = "ustar",
                     .version = {'0', '0'},
                     .major = "0000000",
                     .minor = "0000000"};
    TarEntry e = entry(TAR_FILE, S("etc/passwd"));
    Made m;
    Err err;

    want.sum[7] = ' ';
    e.uid = 1000;
    e.gid = 100;
    e.size = 5;
    e.mtime_ns = 1500000000 * (int64_t)1000000000;
    e.dev_major = 7; /* not of a file */
    make(&m);
    add(&m, e);
    CHECK_OK(tar_writer_data(m.t, "he", 2, &err));
    CHECK_OK(tar_writer_data(m.t, "llo", 3, &err));
    finish(&m);
    CHECK(m.bytes.n == (size_t)4 * TAR_BLOCK);
    CHECK(memcmp(block(&m, 0), &want, sizeof(want)) == 0);
    CHECK(memcmp(block(&m, 1), "hello\0\0\0", 8) == 0);
    CHECK(tar_block_empty(block(&m, 2)) && tar_block_empty(block(&m, 3)));
    drop(&m);
}

TEST(types_and_their_fields)
{
    static const struct {
        TarType type;
        char flag;
    } cases[] = {
        {TAR_FILE, '0'}, {TAR_HARDLINK, '1'},     {TAR_SYMLINK, '2'}, {TAR_CHAR, '3'},
        {TAR_DIR, '5'},  {TAR_BLOCK_DEVICE, '4'}, {TAR_FIFO, '6'},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        TarEntry e = entry(cases[i].type, S("name"));
        bool link = e.type == TAR_HARDLINK || e.type == TAR_SYMLINK;
        bool device = e.type == TAR_CHAR || e.type == TAR_BLOCK_DEVICE;
        Made m;

        e.link = S("target");
        e.dev_major = 8;
        e.dev_minor = 17;
        e.mode = 0107755;
        make_one(&m, e);
        CHECK(m.bytes.n == (size_t)3 * TAR_BLOCK && block(&m, 0)->flag == cases[i].flag);
        CHECK_STR(str_from(block(&m, 0)->name), e.type == TAR_DIR ? S("name/") : S("name"));
        CHECK_STR(str_from(block(&m, 0)->link), link ? S("target") : S(""));
        CHECK_STR(str_from(block(&m, 0)->minor), device ? S("0000021") : S("0000000"));
        CHECK_STR(str_from(block(&m, 0)->mode), S("0007755"));
        CHECK_STR(str_from(block(&m, 0)->size), S("00000000000"));
        drop(&m);
    }
}

/* n times 'c', then 'tail'. */
static Str long_text(char c, size_t n, const char *tail)
{
    static char text[8192];

    memset(text, c, n);
    strcpy(text + n, tail);
    return (Str){text, n + strlen(tail)};
}

static void check_split(TarType type, Str name, size_t prefix_n, size_t name_n)
{
    Made m;

    make_one(&m, entry(type, name));
    CHECK(m.bytes.n == (size_t)3 * TAR_BLOCK);
    CHECK(tar_field(block(&m, 0)->tail.prefix, 155).n == prefix_n);
    CHECK(tar_field(block(&m, 0)->name, 100).n == name_n);
    drop(&m);
}

static void check_not_split(TarType type, Str name)
{
    Made m;

    make_one(&m, entry(type, name));
    CHECK(m.bytes.n > (size_t)3 * TAR_BLOCK && block(&m, 0)->flag == 'x');
    drop(&m);
}

TEST(long_names_are_split_where_that_works)
{
    static char name[1000];

    check_split(TAR_FILE, long_text('a', 100, ""), 0, 100);
    check_not_split(TAR_FILE, long_text('a', 101, ""));
    check_split(TAR_DIR, long_text('a', 99, ""), 0, 100);
    check_not_split(TAR_DIR, long_text('a', 100, "")); /* with its slash 101 */
    check_split(TAR_FILE, long_text('p', 155, "/f"), 155, 1);
    check_split(TAR_DIR, long_text('p', 155, "/d"), 155, 2);
    check_split(TAR_DIR, long_text('p', 120, "/d"), 120, 2); /* not at the slash behind the name */
    check_not_split(TAR_FILE, long_text('p', 156, "/f"));
    memset(name, 'n', sizeof(name));
    name[155] = '/';
    check_split(TAR_FILE, (Str){name, 256}, 155, 100);
    check_split(TAR_DIR, (Str){name, 255}, 155, 100);
    check_not_split(TAR_DIR, (Str){name, 256});
    check_not_split(TAR_FILE, (Str){name, 257});
    name[155] = 'n';
    name[0] = '/'; /* an empty prefix would lose the slash */
    check_not_split(TAR_FILE, (Str){name, 101});
}

/* The records of the PAX header in front, which is the whole of 'want'. */
static void check_records(TarEntry e, const char *want)
{
    Made m;

    make_one(&m, e);
    CHECK(block(&m, 0)->flag == 'x');
    CHECK_STR(tar_field((const char *)block(&m, 1), TAR_BLOCK), str_from(want));
    drop(&m);
}

TEST(what_ustar_cannot_say)
{
    TarEntry e = entry(TAR_DIR, S("d"));

    e.uid = 07777777;
    e.gid = 010000000;
    check_records(e, "15 gid=2097152\n");
    e.gid = 0;
    e.uid = 1000000000000;
    check_records(e, "21 uid=1000000000000\n");
    e.uid = 0;
    e.mtime_ns = 1500000000;
    check_records(e, "13 mtime=1.5\n");
    e.mtime_ns = -1;
    check_records(e, "22 mtime=-0.000000001\n");
    e.mtime_ns = 8589934592 * (int64_t)1000000000;
    check_records(e, "20 mtime=8589934592\n");
    e = entry(TAR_CHAR, S("d"));
    e.dev_major = 2097152;
    e.dev_minor = UINT32_MAX;
    check_records(e, "27 SCHILY.devmajor=2097152\n30 SCHILY.devminor=4294967295\n");
}

TEST(records_in_the_order_of_their_keys)
{
    static const Xattr attributes[] = {{{"user.b", 6}, {"2", 1}}, {{"user.a", 6}, {"1\0\n=", 4}}};
    cleanup_with(xattrs_free_at) Xattrs *x = xattrs_new(attributes, 2);
    TarEntry e = entry(TAR_SYMLINK, S("x"));
    Str want = S("28 SCHILY.xattr.user.a=1\0\n=\n25 SCHILY.xattr.user.b=2\n18 gid=2147483648\n");
    static char link[101];
    const char *at;
    Made m;

    memset(link, 'l', sizeof(link));
    e.xattrs = x;
    e.link = (Str){link, sizeof(link)};
    e.name = long_text('p', 200, "");
    e.uid = e.gid = (uint64_t)1 << 31;
    e.mtime_ns = 5;
    make_one(&m, e);
    at = m.bytes.p + TAR_BLOCK;
    CHECK_STR(str_head((Str){at, TAR_BLOCK}, want.n), want);
    at = strstr(at + want.n, "linkpath=");
    CHECK(at && (at = strstr(at, " mtime=0.000000005\n")) && (at = strstr(at, " path=ppp")) &&
          strstr(at, " uid=2147483648\n"));
    drop(&m);
}

/* The header of the header must not depend on anything but the name. */
TEST(the_pax_header_itself)
{
    TarEntry e = entry(TAR_DIR, S("usr/share/doc/"));
    Made m;

    e.mode = 01777;
    e.uid = 5;
    e.mtime_ns = 1500000000000000001;
    make_one(&m, e);
    CHECK_STR(str_from(block(&m, 0)->name), S("PaxHeaders.0/doc"));
    CHECK_STR(str_from(block(&m, 0)->mode), S("0000644"));
    CHECK_STR(str_from(block(&m, 0)->uid), S("0000000"));
    CHECK_STR(str_from(block(&m, 0)->mtime), S("00000000000"));
    CHECK(tar_block_valid(block(&m, 0)) && tar_block_valid(block(&m, 2)));
    CHECK_STR(str_from(block(&m, 2)->name), S("usr/share/doc/"));
    CHECK_STR(str_from(block(&m, 2)->mtime), S("13132027400"));
    drop(&m);
    make_one(&m, entry(TAR_FILE, long_text('f', 300, "")));
    CHECK(tar_field(block(&m, 0)->name, 100).n == 100);
    drop(&m);
}

TEST(offsets)
{
    TarEntry e = entry(TAR_FILE, S("f"));
    Made m;
    Err err;

    make(&m);
    e.size = 513;
    add(&m, e);
    CHECK(tar_writer_offset(m.t) == 0);
    CHECK_OK(tar_writer_data(m.t, long_text('d', 513, "").p, 513, &err));
    e.size = 0;
    e.mtime_ns = 1; /* two blocks more */
    add(&m, e);
    CHECK(tar_writer_offset(m.t) == (uint64_t)3 * TAR_BLOCK);
    add(&m, e);
    CHECK(tar_writer_offset(m.t) == (uint64_t)6 * TAR_BLOCK);
    finish(&m);
    drop(&m);
}

TEST(data_of_the_wrong_length)
{
    TarEntry e = entry(TAR_FILE, S("f"));
    Made m;
    Err err;

    e.size = 5;
    make(&m);
    add(&m, e);
    CHECK_ERR(tar_writer_data(m.t, "123456", 6, &err), ERR_FORMAT, "longer");
    drop(&m);
    make(&m);
    add(&m, e);
    CHECK_OK(tar_writer_data(m.t, "1234", 4, &err));
    e.name = S("next");
    CHECK_ERR(tar_writer_entry(m.t, &e, &err), ERR_FORMAT, "before next is shorter");
    drop(&m);
    make(&m);
    add(&m, e);
    CHECK_ERR(tar_writer_finish(m.t, &err), ERR_FORMAT, "shorter");
    drop(&m);
    make(&m);
    add(&m, entry(TAR_DIR, S("d")));
    CHECK_OK(tar_writer_data(m.t, "", 0, &err));
    CHECK_ERR(tar_writer_data(m.t, "1", 1, &err), ERR_FORMAT, "longer");
    drop(&m);
}

static void check_refused(TarEntry e, ErrKind kind, const char *part)
{
    Made m;
    Err err;

    make(&m);
    CHECK_ERR(tar_writer_entry(m.t, &e, &err), kind, part);
    drop(&m);
}

TEST(what_no_archive_can_say)
{
    static const Xattr equals[] = {{{"user.a=b", 8}, {"", 0}}};
    cleanup_with(xattrs_free_at) Xattrs *x = xattrs_new(equals, 1);
    TarEntry e = entry(TAR_SYMLINK, S("l"));

    check_refused(entry(TAR_FILE, S("")), ERR_UNSUPPORTED, "needs a name");
    check_refused(entry(TAR_FILE, S("a\0b")), ERR_UNSUPPORTED, "NUL in a name");
    check_refused(entry(TAR_FILE, long_text('n', LIMIT_PATH + 1, "")), ERR_LIMIT, "name is longer");
    check_refused(e, ERR_UNSUPPORTED, "needs a link target");
    e.link = long_text('n', LIMIT_PATH + 1, "");
    check_refused(e, ERR_LIMIT, "link target is longer");
    e = entry(TAR_FILE, S("f"));
    e.xattrs = x;
    check_refused(e, ERR_UNSUPPORTED,
                  "archive entry f: an archive cannot hold the xattr \"user.a=b\"");
    e = entry(TAR_FILE, S("f"));
    e.size = LIMIT_FILE_SIZE + 1;
    check_refused(e, ERR_LIMIT, "size");
}

/* --- sparse files -------------------------------------------------------------------------- */

TEST(a_sparse_file_to_the_byte)
{
    static const TarRun runs[] = {{0, 3}, {2000, 4}};
    TarEntry e = entry(TAR_FILE, S("var/f"));
    Made m;
    Err err;

    e.size = 10000;
    make(&m);
    CHECK_OK(tar_writer_sparse(m.t, &e, runs, 2, &err));
    CHECK_OK(tar_writer_data(m.t, "abcdefg", 7, &err));
    finish(&m);
    CHECK_STR(tar_field((const char *)block(&m, 1), TAR_BLOCK),
              S("22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n25 GNU.sparse.name=var/f\n"
                "29 GNU.sparse.realsize=10000\n"));
    CHECK_STR(str_from(block(&m, 2)->name), S("var/GNUSparseFile.0/f"));
    CHECK_STR(str_from(block(&m, 2)->size), S("00000003000"));
    CHECK_STR(str_from((const char *)block(&m, 3)), S("3\n0\n512\n2000\n512\n10000\n0\n"));
    CHECK(memcmp(block(&m, 4), "abc\0\0", 5) == 0 && memcmp(block(&m, 5), "defg\0", 5) == 0);
    CHECK(m.bytes.n == (size_t)8 * TAR_BLOCK);
    drop(&m);
}

TEST(a_file_without_holes_is_an_ordinary_one)
{
    static const TarRun runs[] = {{0, 600}, {600, 100}, {705, 5}};
    static const TarRun touching[] = {{0, 512}, {512, 512}};
    TarEntry e = entry(TAR_FILE, S("f"));
    Made m;
    Err err;

    e.size = 710;
    make(&m);
    CHECK_OK(tar_writer_sparse(m.t, &e, runs, 3, &err)); /* the hole of 5 is not worth a map */
    CHECK_OK(tar_writer_data(m.t, long_text('d', 705, "").p, 705, &err));
    finish(&m);
    CHECK(block(&m, 0)->flag == '0' && m.bytes.n == (size_t)5 * TAR_BLOCK);
    CHECK(memcmp(m.bytes.p + TAR_BLOCK + 699, "d\0\0\0\0\0ddddd\0", 12) == 0);
    drop(&m);
    e.size = 1024;
    make(&m);
    CHECK_OK(tar_writer_sparse(m.t, &e, touching, 2, &err));
    CHECK_OK(tar_writer_data(m.t, long_text('d', 1024, "").p, 1024, &err));
    finish(&m);
    CHECK(block(&m, 0)->flag == '0');
    drop(&m);
    e.size = 0;
    make(&m);
    CHECK_OK(tar_writer_sparse(m.t, &e, NULL, 0, &err));
    finish(&m);
    CHECK(block(&m, 0)->flag == '0' && m.bytes.n == (size_t)3 * TAR_BLOCK);
    drop(&m);
}

TEST(sparse_names_that_are_too_long)
{
    TarEntry e = entry(TAR_FILE, long_text('n', 200, "/file"));
    Made m;
    Err err;

    e.size = 100;
    make(&m);
    CHECK_OK(tar_writer_sparse(m.t, &e, NULL, 0, &err));
    finish(&m);
    CHECK(strstr((const char *)block(&m, 1), " GNU.sparse.name=nnn"));
    CHECK(!strstr((const char *)block(&m, 1), " path="));
    drop(&m);
}

TEST(bad_runs)
{
    static const TarRun runs[] = {{5, 5}, {0, 5}};
    TarEntry e = entry(TAR_FILE, S("f"));
    Made m;
    Err err;

    e.size = 100;
    make(&m);
    CHECK_ERR(tar_writer_sparse(m.t, &e, runs, 2, &err), ERR_FORMAT, "archive entry f");
    drop(&m);
}

/* --- the stream below ---------------------------------------------------------------------- */

/* Remembers how it began and the address of the last large piece; fails when told to. */
typedef struct Spy {
    Writer w;
    char head[4 * TAR_BLOCK];
    const void *large;
    size_t total;
    bool fail;
} Spy;

static int spy_write(Writer *self, const void *buf, size_t n, Err *err)
{
    Spy *s = (Spy *)self;

    if (s->fail)
        return err_set(err, ERR_NET, "no route");
    if (n >= 100000)
        s->large = buf;
    if (s->total < sizeof(s->head))
        memcpy(s->head + s->total, buf,
               n < sizeof(s->head) - s->total ? n : sizeof(s->head) - s->total);
    s->total += n;
    return 0;
}

TEST(large_data_is_not_copied_and_errors_pass)
{
    static char data[100000];
    Spy spy = {.w = {spy_write}};
    cleanup_with(tar_writer_free_at) TarWriter *t = tar_writer_new(&spy.w);
    TarEntry e = entry(TAR_FILE, S("f"));
    Err err;

    e.size = sizeof(data);
    CHECK_OK(tar_writer_entry(t, &e, &err));
    CHECK_OK(tar_writer_data(t, data, sizeof(data), &err));
    CHECK(spy.large == data && spy.total == TAR_BLOCK + sizeof(data));
    spy.fail = true;
    CHECK_ERR(tar_writer_finish(t, &err), ERR_NET, "no route");
}

TEST(a_file_of_8_gib)
{
    static char data[1 << 20];
    Spy spy = {.w = {spy_write}};
    cleanup_with(tar_writer_free_at) TarWriter *t = tar_writer_new(&spy.w);
    TarEntry e = entry(TAR_FILE, S("f"));
    Err err;

    e.size = (uint64_t)8 << 30;
    CHECK_OK(tar_writer_entry(t, &e, &err));
    for (uint64_t left = e.size; left > 0; left -= sizeof(data))
        CHECK_OK(tar_writer_data(t, data, sizeof(data), &err));
    CHECK_OK(tar_writer_finish(t, &err));
    CHECK(spy.total == e.size + (size_t)5 * TAR_BLOCK);
    CHECK_STR(str_from(spy.head + TAR_BLOCK), S("19 size=8589934592\n"));
    CHECK_STR(str_from(((TarBlock *)(void *)spy.head)[2].size), S("00000000000"));
}

TEST_MAIN(T(an_empty_archive), T(a_ustar_header_to_the_byte), T(types_and_their_fields),
          T(long_names_are_split_where_that_works), T(what_ustar_cannot_say),
          T(records_in_the_order_of_their_keys), T(the_pax_header_itself), T(offsets),
          T(data_of_the_wrong_length), T(what_no_archive_can_say), T(a_sparse_file_to_the_byte),
          T(a_file_without_holes_is_an_ordinary_one), T(sparse_names_that_are_too_long),
          T(bad_runs), T(large_data_is_not_copied_and_errors_pass), T(a_file_of_8_gib))
