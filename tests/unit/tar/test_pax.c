/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "tar/pax.h"
#include "test.h"

static PaxInfo info; /* of the last parsed() */

static const PaxInfo *parsed(Str text)
{
    Err err;

    CHECK_OK(pax_parse(text, &info, &err));
    return &info;
}

/* One record, its length worked out by pax_add(). */
static const PaxInfo *said(const char *key, Str value)
{
    static Buf text = BUF_INIT(LIMIT_PAX_HEADER);

    buf_truncate(&text, 0);
    pax_add(&text, str_from(key), S(""), value);
    return parsed(buf_str(&text));
}

static void refused(const char *key, Str value, ErrKind kind, const char *part)
{
    cleanup_buf Buf text = BUF_INIT((size_t)4 << 20);
    Err err;

    pax_add(&text, str_from(key), S(""), value);
    CHECK_ERR(pax_parse(buf_str(&text), &info, &err), kind, part);
}

TEST(lengths_count_themselves)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    pax_add(&text, S("a"), S(""), S("b"));
    CHECK_STR(buf_str(&text), S("6 a=b\n"));
    buf_truncate(&text, 0);
    pax_add(&text, S("path"), S(""), S("x"));
    CHECK_STR(buf_str(&text), S("9 path=x\n"));
    buf_truncate(&text, 0);
    pax_add(&text, S("path"), S(""), S("xy")); /* 10 would be 9 without its second digit */
    CHECK_STR(buf_str(&text), S("11 path=xy\n"));
    for (size_t n = 0; n < 1200; n++) {
        static char value[1200];
        size_t length;

        memset(value, 'v', n);
        buf_truncate(&text, 0);
        pax_add(&text, S("key"), S(".rest"), (Str){value, n});
        length = strtoul(text.p, NULL, 10);
        CHECK(length == text.n);
    }
}

TEST(known_keys)
{
    CHECK_STR(said("path", S("a/b"))->path, S("a/b"));
    CHECK_STR(said("linkpath", S("c"))->link, S("c"));
    CHECK(said("size", S("8589934592"))->size == 8589934592);
    CHECK(said("uid", S("4294967295"))->uid == 4294967295);
    CHECK(said("gid", S("-2"))->gid == 4294967294);
    CHECK(said("SCHILY.devmajor", S("4294967295"))->dev_major == UINT32_MAX);
    CHECK(info.has == PAX_DEV_MAJOR);
    CHECK(said("path", S("\xff\xfe"))->path.n == 2); /* whatever it is, it is a name */
}

TEST(several_records_the_last_holds)
{
    const PaxInfo *p = parsed(S("13 path=a=\nb\n9 uid=17\n9 uid=18\n9 path=c\n"));

    CHECK_STR(p->path, S("c"));
    CHECK(p->uid == 18 && p->has == (PAX_PATH | PAX_UID));
    p = parsed(S("13 path=a=\nb\n")); /* '=' and newline are nothing special in a value */
    CHECK_STR(p->path, S("a=\nb"));
    p = parsed(S("8 uid=7\n7 uid=\n"));
    CHECK(p->has == 0 && p->cleared == PAX_UID);
    p = parsed(S(""));
    CHECK(p->has == 0 && p->cleared == 0);
}

TEST(unknown_keys_are_ignored)
{
    CHECK(said("comment", S("anything"))->has == 0);
    CHECK(said("atime", S("not a number"))->has == 0);
    CHECK(said("hdrcharset", S("BINARY"))->has == 0);
    CHECK(said("LIBARCHIVE.xattr.user.a", S("YQ"))->xattrs.n == 0);
    CHECK(said("SCHILY.acl.access", S("u::rwx"))->xattrs.n == 0);
}

TEST(record_syntax_is_exact)
{
    static const char *const bad[] = {
        "6 a=b",   "6 a=bx",   "6 a=b\n6 a", "7 a=b\n",  "5 a=b\n",
        "06a=b\n", "6a=b\n",   " 6 a=b\n",   "-6 a=b\n", "+6 a=b\n",
        "4 a\n",   "5 =b\n",   "0 a=b\n",    "1 a=b\n",  "2 a=b\n",
        "3 a=b\n", "6\ta=b\n", "6 a=b\n\n",  "x",        "99999999999999999999 a=b\n",
    };
    Err err;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK_ERR(pax_parse(str_from(bad[i]), &info, &err), ERR_FORMAT, "PAX record");
    CHECK_ERR(pax_parse(S("7 a\0=b\n"), &info, &err), ERR_FORMAT, "NUL in the key");
    CHECK_ERR(pax_parse(S("6 a=b\n\0"), &info, &err), ERR_FORMAT, "PAX record");
}

TEST(values_are_checked)
{
    static char long_name[LIMIT_PATH + 1];

    memset(long_name, 'n', sizeof(long_name));
    CHECK(said("path", (Str){long_name, LIMIT_PATH})->path.n == LIMIT_PATH);
    refused("path", (Str){long_name, LIMIT_PATH + 1}, ERR_LIMIT, "path");
    refused("path", S("a\0b"), ERR_FORMAT, "NUL in PAX path");
    refused("linkpath", S("\0"), ERR_FORMAT, "NUL");
    refused("GNU.sparse.name", S("a\0"), ERR_FORMAT, "NUL");
    refused("size", S("-1"), ERR_FORMAT, "size");
    refused("size", S("12x"), ERR_FORMAT, "size");
    refused("size", S("8796093022209"), ERR_LIMIT, "size");
    refused("size", S("18446744073709551615"), ERR_LIMIT, "size");
    refused("size", S("18446744073709551616"), ERR_FORMAT, "size");
    refused("uid", S(" 1"), ERR_FORMAT, "uid");
    refused("uid", S("-"), ERR_FORMAT, "uid");
    refused("uid", S("-2147483649"), ERR_FORMAT, "uid");
    refused("uid", S("9223372036854775808"), ERR_FORMAT, "uid");
    refused("SCHILY.devminor", S("4294967296"), ERR_FORMAT, "devminor");
    refused("GNU.sparse.numblocks", S("1000001"), ERR_LIMIT, "numblocks");
}

TEST(times)
{
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"0", 0},
        {"1500000000", 1500000000000000000},
        {"1.5", 1500000000},
        {"1.", 1000000000},
        {"-1.5", -1500000000},
        {"-0.000000001", -1},
        {"-0", 0},
        {"0.1234567899", 123456789},
        {"9223372036.854775807", INT64_MAX},
        {"9223372036.9", INT64_MAX},
        {"99999999999999", INT64_MAX},
        {"-9223372036.854775808", INT64_MIN},
        {"-99999999999999.1", INT64_MIN},
    };
    static const char *const bad[] = {".5",  "-.5", "1.5.5", "1.-5", "1e9",
                                      "--1", "+1",  "1,5",   " 1",   "9223372036854775808"};

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        CHECK(said("mtime", str_from(good[i].text))->mtime_ns == good[i].ns);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        refused("mtime", str_from(bad[i]), ERR_FORMAT, "mtime");
}

TEST(times_are_written_short_and_come_back)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "mtime=0\n"},
        {1500000000, "mtime=1.5\n"},
        {-1, "mtime=-0.000000001\n"},
        {-1500000000, "mtime=-1.5\n"},
        {-2000000000, "mtime=-2\n"},
        {123456789012345678, "mtime=123456789.012345678\n"},
        {INT64_MAX, "mtime=9223372036.854775807\n"},
        {INT64_MIN, "mtime=-9223372036.854775808\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

        pax_add_time(&text, S("mtime"), cases[i].ns);
        CHECK(str_ends(buf_str(&text), str_from(cases[i].text)));
        CHECK(parsed(buf_str(&text))->mtime_ns == cases[i].ns);
    }
}

TEST(xattrs)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    cleanup_with(xattrs_free_at) Xattrs *x = NULL;

    pax_add(&text, S("SCHILY.xattr."), S("user.b"), S("1=\n\0 2"));
    pax_add(&text, S("SCHILY.xattr."), S("user.a"), S("first"));
    pax_add(&text, S("SCHILY.xattr."), S("user.c"), S(""));
    pax_add(&text, S("SCHILY.xattr."), S("user.a"), S("second"));
    (void)parsed(buf_str(&text));
    x = pax_xattrs(&info);
    CHECK(x && x->n == 3);
    CHECK_STR(x->v[0].name, S("user.a"));
    CHECK_STR(x->v[0].value, S("second"));
    CHECK_STR(x->v[1].name, S("user.b"));
    CHECK_STR(x->v[1].value, S("1=\n\0 2"));
    CHECK(x->v[2].value.n == 0);
    (void)parsed(S(""));
    CHECK(pax_xattrs(&info) == NULL);
}

TEST(xattrs_have_limits)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_PAX_HEADER);
    cleanup_buf Buf long_key = BUF_INIT(BUF_SMALL);
    static char value[LIMIT_XATTR_VALUE + 1];
    Err err;

    refused("SCHILY.xattr.", S("x"), ERR_FORMAT, "without a name");
    refused("SCHILY.xattr.user.a", (Str){value, sizeof(value)}, ERR_LIMIT, "user.a");
    (void)said("SCHILY.xattr.user.a", (Str){value, sizeof(value) - 1});
    buf_add_z(&long_key, "SCHILY.xattr.");
    for (int i = 0; i < 256; i++)
        buf_add_char(&long_key, 'k');
    refused(buf_z(&long_key), S("x"), ERR_LIMIT, "name of an xattr");
    for (int i = 0; i < 5; i++) {
        buf_truncate(&long_key, 0);
        buf_addf(&long_key, "user.%d", i);
        pax_add(&text, S("SCHILY.xattr."), buf_str(&long_key), (Str){value, 60000});
    }
    CHECK_ERR(pax_parse(buf_str(&text), &info, &err), ERR_LIMIT, "together");
}

/* A header full of tiny xattrs must not cost the square of their number: ten thousands, and it just returns. */
TEST(many_xattrs)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_PAX_HEADER);
    cleanup_with(xattrs_free_at) Xattrs *x = NULL;
    cleanup_buf Buf name = BUF_INIT(BUF_SMALL);

    for (unsigned i = 0; i < 20000; i++) {
        buf_truncate(&name, 0);
        buf_addf(&name, "%x", (i * 7919) % 20000);
        pax_add(&text, S("SCHILY.xattr."), buf_str(&name), S("v"));
    }
    (void)parsed(buf_str(&text));
    x = pax_xattrs(&info);
    CHECK(x->n == 20000);
}

static void add_defaults(PaxInfo *defaults, const char *key, Str value)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Err err;

    pax_add(&text, str_from(key), S(""), value);
    CHECK_OK(pax_parse_defaults(buf_str(&text), defaults, &err));
}

TEST(global_defaults)
{
    PaxInfo defaults = {0};

    add_defaults(&defaults, "comment", S("0123456789abcdef"));
    add_defaults(&defaults, "uid", S("17"));
    add_defaults(&defaults, "mtime", S("1.5"));
    (void)said("uid", S("18"));
    pax_apply_defaults(&info, &defaults);
    CHECK(info.uid == 18 && info.mtime_ns == 1500000000);
    CHECK(info.has == (PAX_UID | PAX_MTIME));
    (void)said("uid", S("")); /* neither the default nor a value of its own */
    pax_apply_defaults(&info, &defaults);
    CHECK(info.has == PAX_MTIME);
    add_defaults(&defaults, "mtime", S("")); /* no default any more */
    (void)said("gid", S("1"));
    pax_apply_defaults(&info, &defaults);
    CHECK(info.has == (PAX_UID | PAX_GID) && info.uid == 17);
    pax_done(&defaults);
}

TEST(global_headers_do_not_name_or_size_files)
{
    static const char *const keys[] = {"path",           "linkpath",          "size",
                                       "GNU.sparse.map", "GNU.sparse.offset", "SCHILY.devmajor"};
    PaxInfo defaults = {0};
    Err err;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

        pax_add(&text, str_from(keys[i]), S(""), S("1"));
        CHECK_ERR(pax_parse_defaults(buf_str(&text), &defaults, &err), ERR_FORMAT, keys[i]);
    }
    pax_done(&defaults);
}

TEST(sparse_0_0_pairs)
{
    static const char *const bad[] = {
        "25 GNU.sparse.numbytes=1\n",
        "23 GNU.sparse.offset=0\n",
        "23 GNU.sparse.offset=0\n23 GNU.sparse.offset=0\n",
        "23 GNU.sparse.offset=0\n25 GNU.sparse.numbytes=1\n25 GNU.sparse.numbytes=1\n",
        "23 GNU.sparse.offset=x\n",
    };
    Err err;

    (void)parsed(S("23 GNU.sparse.offset=0\n25 GNU.sparse.numbytes=1\n"
                   "23 GNU.sparse.offset=9\n25 GNU.sparse.numbytes=2\n"));
    CHECK(info.has == PAX_SPARSE_RUNS && info.runs.n == 2);
    CHECK(info.runs.v[1].at == 9 && info.runs.v[1].n == 2);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        err = (Err){0};
        CHECK(pax_parse(str_from(bad[i]), &info, &err) < 0 && err.kind == ERR_FORMAT);
    }
    pax_done(&info);
}

TEST_MAIN(T(lengths_count_themselves), T(known_keys), T(several_records_the_last_holds),
          T(unknown_keys_are_ignored), T(record_syntax_is_exact), T(values_are_checked), T(times),
          T(times_are_written_short_and_come_back), T(xattrs), T(xattrs_have_limits),
          T(many_xattrs), T(global_defaults), T(global_headers_do_not_name_or_size_files),
          T(sparse_0_0_pairs))
