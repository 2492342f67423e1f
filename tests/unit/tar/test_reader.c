/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "make.h"
#include "tar/pax.h"
#include "tar/reader.h"

/* An archive in memory with a reader on it. */
typedef struct Opened {
    MemReader m;
    TarReader *t;
    TarEntry e; /* the last entry */
} Opened;

static void open_archive(Opened *o, const Buf *archive)
{
    o->m = mem_reader(buf_str(archive));
    o->t = tar_reader_new(&o->m.r);
    o->e = (TarEntry){0};
}

static void close_archive(Opened *o)
{
    tar_reader_free(o->t);
}

static void next(Opened *o)
{
    Err err;

    CHECK_OK(tar_reader_next(o->t, &o->e, &err));
    CHECK(o->e.name.p != NULL);
}

static void end(Opened *o)
{
    TarEntry e;
    Err err;

    CHECK(tar_reader_next(o->t, &e, &err) == 0);
    CHECK(o->m.data.n == 0);
    CHECK(tar_reader_next(o->t, &e, &err) == 0);
    close_archive(o);
}

static void check_data(Opened *o, Str want)
{
    cleanup_buf Buf got = BUF_INIT((size_t)16 << 20);
    Err err;

    CHECK(o->e.size == want.n);
    CHECK_OK(reader_read_all(tar_reader_data(o->t), &got, "data", &err));
    CHECK_STR(buf_str(&got), want);
}

/* The error of reading an archive to its end, data included. */
static int read_through(const Buf *archive, Err *err)
{
    Opened o;
    int r;

    open_archive(&o, archive);
    while ((r = tar_reader_next(o.t, &o.e, err)) > 0) {
        char block[100];
        ssize_t k;

        while ((k = reader_read(tar_reader_data(o.t), block, sizeof(block), err)) > 0)
            ;
        if (k < 0) {
            r = -1;
            break;
        }
    }
    close_archive(&o);
    return r;
}

TEST(no_entries)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    Opened o;

    open_archive(&o, &a);
    end(&o);
    make_data(&a, S("\0"));
    open_archive(&o, &a);
    end(&o);
    make_end(&a);
    buf_add_z(&a, "whatever follows, as after the padding of GNU tar's records");
    open_archive(&o, &a);
    end(&o);
}

/* Whoever hashes the stream must see all of it: it is read to its end, however much follows the archive. */
TEST(what_follows_is_read)
{
    cleanup_buf Buf a = BUF_INIT((size_t)8 << 20);
    Opened o;

    make_file(&a, "f", S("data"));
    make_end(&a);
    for (int i = 0; i < 1000; i++)
        make_end(&a);
    open_archive(&o, &a);
    next(&o);
    end(&o);
}

TEST(files_and_their_data)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    static char big[100000];
    Opened o;

    memset(big, 'b', sizeof(big));
    make_file(&a, "one", S("1"));
    make_file(&a, "empty", S(""));
    make_file(&a, "big", (Str){big, sizeof(big)});
    make_file(&a, "block", (Str){big, TAR_BLOCK});
    make_end(&a);
    for (int skip = 0; skip < 16; skip++) {
        open_archive(&o, &a);
        for (int i = 0; i < 4; i++) {
            static const char *const names[] = {"one", "empty", "big", "block"};
            static const size_t sizes[] = {1, 0, sizeof(big), TAR_BLOCK};

            next(&o);
            CHECK_STR(o.e.name, str_from(names[i]));
            CHECK(o.e.type == TAR_FILE && o.e.size == sizes[i] && o.e.uid == 1000 &&
                  o.e.gid == 100);
            if (!(skip & 1 << i))
                check_data(&o, i == 0 ? S("1") : (Str){big, sizes[i]});
        }
        end(&o);
    }
}

TEST(data_read_in_part)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    char three[3];
    Opened o;
    Err err;

    make_file(&a, "one", S("abcdefgh"));
    make_file(&a, "two", S("x"));
    open_archive(&o, &a);
    next(&o);
    CHECK(reader_read(tar_reader_data(o.t), three, 3, &err) == 3);
    CHECK(memcmp(three, "abc", 3) == 0);
    next(&o);
    check_data(&o, S("x"));
    end(&o);
}

TEST(types)
{
    static const struct {
        char flag;
        const char *name;
        TarType type;
    } cases[] = {
        {'0', "f", TAR_FILE},         {'\0', "f", TAR_FILE},   {'7', "f", TAR_FILE},
        {'1', "f", TAR_HARDLINK},     {'2', "f", TAR_SYMLINK}, {'3', "f", TAR_CHAR},
        {'4', "f", TAR_BLOCK_DEVICE}, {'5', "f", TAR_DIR},     {'6', "f", TAR_FIFO},
        {'\0', "f/", TAR_DIR},        {'5', "f///", TAR_DIR},  {'D', "f/", TAR_DIR},
    };
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    Opened o;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        TarBlock b = make_block(cases[i].flag, cases[i].name, 0);

        strcpy(b.link, "target");
        make_put(&a, b);
    }
    make_end(&a);
    open_archive(&o, &a);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool link = cases[i].type == TAR_HARDLINK || cases[i].type == TAR_SYMLINK;

        next(&o);
        CHECK(o.e.type == cases[i].type);
        CHECK_STR(o.e.name, S("f"));
        CHECK_STR(o.e.link, link ? S("target") : S(""));
        CHECK(tar_reader_offset(o.t) == i * TAR_BLOCK);
    }
    end(&o);
}

TEST(names_are_given_as_they_are)
{
    static const char *const names[] = {"/etc/passwd", "../x", "./a", "a//b", "", " ", "f/"};
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    Opened o;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        make_file(&a, names[i], S(""));
    make_put(&a, make_block('5', "./", 0));
    make_put(&a, make_block('5', "/", 0));
    open_archive(&o, &a);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        next(&o);
        CHECK_STR(o.e.name, str_from(names[i]));
    }
    next(&o);
    CHECK_STR(o.e.name, S("."));
    next(&o);
    CHECK_STR(o.e.name, S("/"));
    end(&o);
}

/* Only files have data: a size elsewhere is what some programs say of the target, and nothing follows. */
TEST(sizes_of_what_is_no_file)
{
    static const char flags[] = {'1', '2', '3', '4', '5', '6'};
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    Opened o;

    for (size_t i = 0; i < sizeof(flags); i++)
        make_put(&a, make_block(flags[i], "d", 4096));
    make_put(&a, make_block('\0', "v7dir/", 4096));
    make_file(&a, "file", S("data"));
    open_archive(&o, &a);
    for (size_t i = 0; i <= sizeof(flags); i++) {
        next(&o);
        CHECK(o.e.size == 0 && o.e.type != TAR_FILE);
        check_data(&o, S(""));
    }
    next(&o);
    check_data(&o, S("data"));
    end(&o);
}

TEST(gnu_long_names)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    static char name[300], link[LIMIT_PATH + 1];
    TarBlock b = make_gnu_block('2', "short", 0);
    Opened o;

    memset(name, 'n', sizeof(name) - 1);
    memset(link, 'l', sizeof(link) - 1);
    make_text(&a, 'K', (Str){link, sizeof(link)}); /* with its NUL, as GNU tar does */
    make_text(&a, 'L', (Str){name, sizeof(name) - 1});
    make_put(&a, b);
    make_file(&a, "plain", S(""));
    open_archive(&o, &a);
    next(&o);
    CHECK_STR(o.e.name, ((Str){name, sizeof(name) - 1}));
    CHECK_STR(o.e.link, ((Str){link, sizeof(link) - 1}));
    CHECK(tar_reader_offset(o.t) == 0);
    next(&o);
    CHECK_STR(o.e.name, S("plain"));
    CHECK(tar_reader_offset(o.t) == a.n - TAR_BLOCK);
    end(&o);
}

static void record_header(Buf *a, char flag, const char *key, Str value)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_PAX_HEADER);

    pax_add(&text, str_from(key), S(""), value);
    make_text(a, flag, buf_str(&text));
}

static void pax_header(Buf *a, const char *key, Str value)
{
    record_header(a, 'x', key, value);
}

TEST(pax_overrides_one_entry)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    uint64_t second;
    Opened o;

    pax_add(&text, S("path"), S(""), S("long/name"));
    pax_add_u64(&text, S("size"), 4);
    pax_add_u64(&text, S("uid"), 5000000000);
    pax_add_u64(&text, S("gid"), 3000000);
    pax_add_time(&text, S("mtime"), -1500000000);
    pax_add(&text, S("SCHILY.xattr."), S("security.capability"), S("\1\0\0\2"));
    make_text(&a, 'x', buf_str(&text));
    make_put(&a, make_block('0', "short", 0)); /* size 0 here, 4 there */
    make_data(&a, S("data"));
    second = a.n;
    make_file(&a, "second", S("2"));
    open_archive(&o, &a);
    next(&o);
    CHECK_STR(o.e.name, S("long/name"));
    CHECK(o.e.uid == 5000000000 && o.e.gid == 3000000 && o.e.mtime_ns == -1500000000);
    CHECK(o.e.xattrs && o.e.xattrs->n == 1);
    CHECK_STR(xattrs_find(o.e.xattrs, S("security.capability")), S("\1\0\0\2"));
    check_data(&o, S("data"));
    next(&o);
    CHECK_STR(o.e.name, S("second"));
    CHECK(o.e.uid == 1000 && o.e.xattrs == NULL && tar_reader_offset(o.t) == second);
    end(&o);
}

TEST(pax_devices_and_links)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Opened o;

    pax_add_u64(&text, S("SCHILY.devmajor"), 4294967295);
    make_text(&a, 'x', buf_str(&text));
    make_put(&a, make_block('4', "dev", 0));
    pax_header(&a, "linkpath", S("far/away"));
    make_put(&a, make_block('1', "hard", 0));
    open_archive(&o, &a);
    next(&o);
    CHECK(o.e.dev_major == UINT32_MAX && o.e.dev_minor == 0);
    next(&o);
    CHECK_STR(o.e.link, S("far/away"));
    end(&o);
}

/* The size of a PAX header is for the entry, not for a long name that stands between. */
TEST(pax_size_and_a_long_name)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    Opened o;

    pax_header(&a, "size", S("1024"));
    make_text(&a, 'L', S("the/name"));
    make_put(&a, make_gnu_block('0', "short", 0));
    make_data(&a, (Str){"", 0});
    for (int i = 0; i < 2; i++)
        make_data(&a, S("x"));
    make_file(&a, "behind", S("b"));
    open_archive(&o, &a);
    next(&o);
    CHECK_STR(o.e.name, S("the/name"));
    CHECK(o.e.size == 1024);
    next(&o);
    CHECK_STR(o.e.name, S("behind"));
    end(&o);
}

TEST(who_wins)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    Opened o;

    make_text(&a, 'L', S("gnu"));
    pax_header(&a, "path", S("pax"));
    make_file(&a, "ustar", S("")); /* both: GNU, as in Go */
    pax_header(&a, "path", S("first"));
    pax_header(&a, "uid", S("5"));
    make_file(&a, "third", S("")); /* the second header replaces the first */
    pax_header(&a, "path", S(""));
    make_file(&a, "kept", S(""));
    open_archive(&o, &a);
    next(&o);
    CHECK_STR(o.e.name, S("gnu"));
    next(&o);
    CHECK_STR(o.e.name, S("third"));
    CHECK(o.e.uid == 5);
    next(&o);
    CHECK_STR(o.e.name, S("kept"));
    end(&o);
}

TEST(global_headers)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    uint64_t first;
    Opened o;

    record_header(&a, 'g', "comment", S("as git archive leaves one"));
    record_header(&a, 'g', "uid", S("7777"));
    first = a.n;
    make_file(&a, "one", S(""));
    pax_header(&a, "uid", S("8888"));
    record_header(&a, 'g', "gid", S("55"));
    make_file(&a, "two", S(""));
    pax_header(&a, "uid", S(""));
    make_file(&a, "three", S(""));
    open_archive(&o, &a);
    next(&o);
    CHECK(o.e.uid == 7777 && o.e.gid == 100 && tar_reader_offset(o.t) == first);
    next(&o);
    CHECK(o.e.uid == 8888 && o.e.gid == 55);
    CHECK(tar_reader_offset(o.t) == first + TAR_BLOCK);
    next(&o);
    CHECK(o.e.uid == 1000 && o.e.gid == 55);
    end(&o);
}

TEST(vendor_types_are_skipped)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    uint64_t last;
    Opened o;

    make_put(&a, make_block('V', "label", 0));
    make_text(&a, 'A', S("an access control list"));
    pax_header(&a, "path", S("not for the file"));
    make_text(&a, 'Z', S("something else"));
    last = a.n;
    make_file(&a, "file", S("data"));
    make_put(&a, make_block('D', "dir/", 6)); /* a directory and its list of names */
    make_data(&a, S("Yfile\0"));
    open_archive(&o, &a);
    next(&o);
    CHECK_STR(o.e.name, S("file"));
    CHECK(tar_reader_offset(o.t) == last);
    check_data(&o, S("data"));
    next(&o);
    CHECK(o.e.type == TAR_DIR && o.e.size == 0);
    check_data(&o, S(""));
    end(&o);
}

TEST(solaris_extended_headers)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    Opened o;

    record_header(&a, 'X', "path", S("the/path/xx"));
    make_file(&a, "short", S(""));
    open_archive(&o, &a);
    next(&o);
    CHECK_STR(o.e.name, S("the/path/xx"));
    end(&o);
}

/* --- errors -------------------------------------------------------------------------------- */

TEST(unknown_types)
{
    static const char flags[] = {'8', '9', 'a', 'z', '\x80', '\n'};
    Err err;

    for (size_t i = 0; i < sizeof(flags); i++) {
        cleanup_buf Buf a = BUF_INIT(BUF_SMALL);

        make_put(&a, make_block(flags[i], "what", 0));
        CHECK_ERR(read_through(&a, &err), ERR_FORMAT,
                  "what (at byte 0 of the archive): unknown type");
    }
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    make_put(&a, make_gnu_block('M', "volume", 0));
    CHECK_ERR(read_through(&a, &err), ERR_UNSUPPORTED, "another volume");
}

TEST(broken_archives)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    Err err;

    make_file(&a, "file", S("data"));
    a.p[0] ^= 1;
    CHECK_ERR(read_through(&a, &err), ERR_FORMAT, "at byte 0 of the archive: the checksum");
    buf_truncate(&a, 0);
    make_data(&a, S("\0"));
    make_file(&a, "file", S(""));
    CHECK_ERR(read_through(&a, &err), ERR_FORMAT, "block of zeros");
    buf_truncate(&a, 0);
    buf_add_z(&a, "#!/bin/sh\n");
    CHECK_ERR(read_through(&a, &err), ERR_FORMAT, "within a block");
}

/* Cut anywhere, an archive is an error, except between entries and in the zeros behind the last data. */
TEST(truncated_archives)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    size_t head, data, padded;
    Err err;

    pax_header(&a, "path", S("name"));
    head = a.n + TAR_BLOCK;
    make_file(&a, "f", S("0123456789"));
    data = head + 10;
    padded = a.n;
    for (size_t n = 1; n <= padded; n++) {
        Buf cut = {.p = a.p, .n = n, .max = n};
        bool whole = n >= data;

        err = (Err){0};
        if (whole)
            CHECK(read_through(&cut, &err) == 0);
        else
            CHECK_ERR(read_through(&cut, &err), ERR_FORMAT, "the archive ends");
        if (n > head && !whole)
            CHECK(strstr(err.msg,
                         "name (at byte 0 of the archive): the archive ends within the file"));
    }
}

/* The same when the data is skipped. */
TEST(truncated_data_that_nobody_reads)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    Opened o;
    Err err;

    make_file(&a, "f", S("0123456789"));
    a.n = TAR_BLOCK + 9;
    open_archive(&o, &a);
    next(&o);
    CHECK_ERR(tar_reader_next(o.t, &o.e, &err), ERR_FORMAT, "f (at byte 0");
    close_archive(&o);
}

TEST(extended_headers_without_an_entry)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    Err err;

    make_file(&a, "f", S(""));
    make_text(&a, 'L', S("name"));
    CHECK_ERR(read_through(&a, &err), ERR_FORMAT, "behind an extended header");
    make_end(&a);
    CHECK_ERR(read_through(&a, &err), ERR_FORMAT, "behind an extended header");
}

TEST(limits)
{
    cleanup_buf Buf a = BUF_INIT((size_t)8 << 20);
    static char text[LIMIT_PATH + 1];
    Err err;

    make_put(&a, make_block('x', "header", LIMIT_PAX_HEADER + 1));
    CHECK_ERR(read_through(&a, &err), ERR_LIMIT, "extended header");
    buf_truncate(&a, 0);
    make_put(&a, make_block('L', "header", (uint64_t)1 << 32));
    CHECK_ERR(read_through(&a, &err), ERR_LIMIT, "extended header");
    buf_truncate(&a, 0);
    memset(text, 'x', sizeof(text));
    make_text(&a, 'L', (Str){text, sizeof(text)});
    CHECK_ERR(read_through(&a, &err), ERR_LIMIT, "name is longer");
    buf_truncate(&a, 0);
    make_put(&a, make_block('0', "huge", 0));
    make_base256(a.p + offsetof(TarBlock, size), 12, (int64_t)LIMIT_FILE_SIZE + 1);
    tar_block_seal((TarBlock *)(void *)a.p);
    CHECK_ERR(read_through(&a, &err), ERR_LIMIT, "huge (at byte 0");
}

TEST(bad_records)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    Err err;

    pax_header(&a, "path", S("a\0b"));
    make_file(&a, "f", S(""));
    CHECK_ERR(read_through(&a, &err), ERR_FORMAT, "NUL in PAX path");
    buf_truncate(&a, 0);
    record_header(&a, 'g', "size", S("5"));
    make_file(&a, "f", S(""));
    CHECK_ERR(read_through(&a, &err), ERR_FORMAT, "global header with a size");
}

/* What is left of the archive, then an error of the stream's own. */
typedef struct Failing {
    MemReader m;
} Failing;

static ssize_t failing_read(Reader *self, void *buf, size_t n, Err *err)
{
    Failing *f = (Failing *)self;
    size_t k = n < f->m.data.n ? n : f->m.data.n;

    if (k == 0)
        return err_set(err, ERR_NET, "connection reset");
    memcpy(buf, f->m.data.p, k);
    f->m.data = str_skip(f->m.data, k);
    return (ssize_t)k;
}

TEST(errors_of_the_stream_pass_through)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    cleanup_with(tar_reader_free_at) TarReader *t = NULL;
    Failing f = {.m = {.r = {failing_read}}};
    char got[10];
    TarEntry e;
    Err err;

    make_file(&a, "f", S("0123456789"));
    f.m.data = (Str){a.p, TAR_BLOCK + 4};
    t = tar_reader_new(&f.m.r);
    CHECK(tar_reader_next(t, &e, &err) == 1);
    CHECK(reader_read(tar_reader_data(t), got, 10, &err) == 4);
    CHECK_ERR(reader_read(tar_reader_data(t), got, 6, &err), ERR_NET,
              "f (at byte 0 of the archive): connection reset");
}

/* --- sparse files -------------------------------------------------------------------------- */

/* 5000 bytes: "data" at 0 (a block of it), "more" at 4096, and a hole behind. */
static void check_sparse(Opened *o, const char *name)
{
    static char want[5000];
    char buf[300];
    uint64_t at = 7, sum = 0;
    ssize_t k;
    Err err;

    memset(want, 'd', TAR_BLOCK);
    memcpy(want + 4096, "more", 4);
    next(o);
    CHECK_STR(o->e.name, str_from(name));
    CHECK(o->e.type == TAR_FILE && o->e.size == 5000);
    if (strcmp(name, "runs") == 0) {
        while ((k = tar_reader_run(o->t, &at, buf, sizeof(buf), &err)) > 0) {
            CHECK(memcmp(want + at, buf, (size_t)k) == 0);
            sum += (uint64_t)k;
        }
        CHECK(k == 0 && sum == TAR_BLOCK + 4);
        CHECK(tar_reader_run(o->t, &at, buf, sizeof(buf), &err) == 0);
    } else {
        check_data(o, (Str){want, sizeof(want)});
    }
}

static void sparse_data(Buf *a)
{
    char block[TAR_BLOCK];

    memset(block, 'd', sizeof(block));
    buf_append(a, block, sizeof(block));
    make_data(a, S("more"));
}

static void add_old_sparse(Buf *a, const char *name)
{
    TarBlock b = make_gnu_block('S', name, TAR_BLOCK + 4);

    CHECK(tar_number_put(b.tail.gnu.real_size, 12, 5000));
    CHECK(tar_number_put(b.tail.gnu.runs[0].at, 12, 0));
    CHECK(tar_number_put(b.tail.gnu.runs[0].n, 12, TAR_BLOCK));
    CHECK(tar_number_put(b.tail.gnu.runs[1].at, 12, 4096));
    CHECK(tar_number_put(b.tail.gnu.runs[1].n, 12, 4));
    make_put(a, b);
    sparse_data(a);
}

static void add_pax_sparse(Buf *a, const char *version, const char *name)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    bool one = strcmp(version, "1.0") == 0;

    if (one) {
        pax_add_u64(&text, S("GNU.sparse.major"), 1);
        pax_add_u64(&text, S("GNU.sparse.minor"), 0);
        pax_add_u64(&text, S("GNU.sparse.realsize"), 5000);
    } else {
        pax_add_u64(&text, S("GNU.sparse.size"), 5000);
        pax_add_u64(&text, S("GNU.sparse.numblocks"), 2);
    }
    if (strcmp(version, "0.0") == 0) {
        pax_add_u64(&text, S("GNU.sparse.offset"), 0);
        pax_add_u64(&text, S("GNU.sparse.numbytes"), TAR_BLOCK);
        pax_add_u64(&text, S("GNU.sparse.offset"), 4096);
        pax_add_u64(&text, S("GNU.sparse.numbytes"), 4);
        pax_add(&text, S("path"), S(""), str_from(name));
    } else {
        pax_add(&text, S("GNU.sparse.name"), S(""), str_from(name));
    }
    if (strcmp(version, "0.1") == 0)
        pax_add(&text, S("GNU.sparse.map"), S(""), S("0,512,4096,4"));
    make_text(a, 'x', buf_str(&text));
    make_put(a, make_block('0', "GNUSparseFile.1/x", (one ? 2 : 1) * TAR_BLOCK + 4));
    if (one)
        make_data(a, S("2\n0\n512\n4096\n4\n"));
    sparse_data(a);
}

TEST(sparse_files_of_all_kinds)
{
    static const char *const names[] = {"all", "runs"};
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    Opened o;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        add_old_sparse(&a, names[i]);
        add_pax_sparse(&a, "0.0", names[i]);
        add_pax_sparse(&a, "0.1", names[i]);
        add_pax_sparse(&a, "1.0", names[i]);
    }
    make_file(&a, "last", S("x"));
    open_archive(&o, &a);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (int k = 0; k < 4; k++)
            check_sparse(&o, names[i]);
    next(&o);
    check_data(&o, S("x"));
    end(&o);
    open_archive(&o, &a); /* and skipped */
    for (int k = 0; k < 8; k++)
        next(&o);
    next(&o);
    CHECK_STR(o.e.name, S("last"));
    end(&o);
}

static int read_sparse_header(const char *records[][2], TarBlock b, Str data, Err *err)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    for (size_t i = 0; records[i][0]; i++)
        pax_add(&text, str_from(records[i][0]), S(""), str_from(records[i][1]));
    make_text(&a, 'x', buf_str(&text));
    make_put(&a, b);
    make_data(&a, data);
    return read_through(&a, err);
}

TEST(sparse_files_that_do_not_add_up)
{
    const char *wrong_count[][2] = {{"GNU.sparse.map", "0,4"},
                                    {"GNU.sparse.numblocks", "2"},
                                    {"GNU.sparse.size", "10"},
                                    {0}};
    const char *no_size[][2] = {{"GNU.sparse.map", "0,4"}, {0}};
    const char *too_long[][2] = {{"GNU.sparse.map", "0,5"}, {"GNU.sparse.size", "10"}, {0}};
    const char *outside[][2] = {{"GNU.sparse.map", "8,4"}, {"GNU.sparse.size", "10"}, {0}};
    const char *unknown[][2] = {{"GNU.sparse.major", "2"}, {"GNU.sparse.minor", "0"}, {0}};
    const char *solaris[][2] = {{"SUN.holesdata", " 0 4"}, {0}};
    const char *one_no_size[][2] = {{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {0}};
    const char *with_version[][2] = {{"GNU.sparse.major", "0"},
                                     {"GNU.sparse.minor", "1"},
                                     {"GNU.sparse.map", "0,4"},
                                     {"GNU.sparse.size", "10"},
                                     {0}};
    const char *ok[][2] = {{"GNU.sparse.map", "0,4"}, {"GNU.sparse.size", "10"}, {0}};
    TarBlock file = make_block('0', "f", 4);
    Err err;

    CHECK_OK(read_sparse_header(ok, file, S("data"), &err));
    CHECK_OK(read_sparse_header(with_version, file, S("data"), &err));
    CHECK_ERR(read_sparse_header(one_no_size, file, S("data"), &err), ERR_FORMAT, "no size");
    CHECK_ERR(read_sparse_header(wrong_count, file, S("data"), &err), ERR_FORMAT,
              "as long as it says");
    CHECK_ERR(read_sparse_header(no_size, file, S("data"), &err), ERR_FORMAT, "no size");
    CHECK_ERR(read_sparse_header(too_long, file, S("data"), &err), ERR_FORMAT, "does not fit");
    CHECK_ERR(read_sparse_header(outside, file, S("data"), &err), ERR_FORMAT, "beyond its end");
    CHECK_ERR(read_sparse_header(unknown, file, S("data"), &err), ERR_UNSUPPORTED,
              "unknown version");
    CHECK_ERR(read_sparse_header(solaris, file, S("data"), &err), ERR_UNSUPPORTED, "Solaris");
    CHECK_ERR(read_sparse_header(ok, make_block('5', "d", 0), S(""), &err), ERR_FORMAT,
              "not a file");
    CHECK_ERR(read_sparse_header((const char *[][2]){{0}}, make_block('S', "s", 4), S("data"),
                                 &err),
              ERR_UNSUPPORTED, "star");
}

/* A file of 8 TiB with nothing in it costs nothing. */
TEST(a_huge_hole)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    char zero[1000];
    uint64_t at;
    Opened o;
    Err err;

    pax_add_u64(&text, S("GNU.sparse.size"), LIMIT_FILE_SIZE);
    pax_add_u64(&text, S("GNU.sparse.numblocks"), 0);
    make_text(&a, 'x', buf_str(&text));
    make_put(&a, make_block('0', "hole", 0));
    make_file(&a, "behind", S("b"));
    open_archive(&o, &a);
    next(&o);
    CHECK(o.e.size == LIMIT_FILE_SIZE);
    memset(zero, 1, sizeof(zero));
    CHECK(reader_read(tar_reader_data(o.t), zero, sizeof(zero), &err) == sizeof(zero));
    CHECK(zero[0] == 0 && zero[999] == 0);
    CHECK(tar_reader_run(o.t, &at, zero, sizeof(zero), &err) == 0);
    next(&o);
    check_data(&o, S("b"));
    end(&o);
}

TEST(what_looks_like_an_archive)
{
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL);

    make_file(&a, "f", S("data"));
    CHECK(tar_looks_like(a.p, a.n));
    CHECK(tar_looks_like(a.p, TAR_BLOCK));
    CHECK(!tar_looks_like(a.p, TAR_BLOCK - 1));
    CHECK(!tar_looks_like(a.p + 1, TAR_BLOCK));
    a.p[200] = 'x';
    CHECK(!tar_looks_like(a.p, a.n));
    buf_truncate(&a, 0);
    make_end(&a);
    CHECK(!tar_looks_like(a.p, a.n));
}

TEST_MAIN(T(no_entries), T(what_follows_is_read), T(files_and_their_data), T(data_read_in_part),
          T(types), T(names_are_given_as_they_are), T(sizes_of_what_is_no_file), T(gnu_long_names),
          T(pax_overrides_one_entry), T(pax_devices_and_links), T(pax_size_and_a_long_name),
          T(who_wins), T(global_headers), T(vendor_types_are_skipped), T(solaris_extended_headers),
          T(unknown_types), T(broken_archives), T(truncated_archives),
          T(truncated_data_that_nobody_reads), T(extended_headers_without_an_entry), T(limits),
          T(bad_records), T(errors_of_the_stream_pass_through), T(sparse_files_of_all_kinds),
          T(sparse_files_that_do_not_add_up), T(a_huge_hole), T(what_looks_like_an_archive))
