/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "test.h"

TEST(grows_and_ends_in_nul)
{
    cleanup_buf Buf b = BUF_INIT(1000);
    Err err;

    CHECK_STR(buf_str(&b), S(""));
    CHECK(strcmp(buf_z(&b), "") == 0);
    for (int i = 0; i < 100; i++)
        buf_addf(&b, "%02d", i);
    buf_add_char(&b, '!');
    CHECK(b.n == 201 && b.p[201] == '\0' && str_starts(buf_str(&b), S("000102")));
    CHECK_OK(buf_check(&b, "it", &err));
    buf_truncate(&b, 2);
    CHECK_STR(buf_str(&b), S("00"));
    CHECK(b.p[2] == '\0');
}

/* What does not fit changes nothing, and is remembered. */
TEST(has_a_ceiling)
{
    cleanup_buf Buf b = BUF_INIT(5);
    Err err;

    buf_add(&b, S("abc"));
    buf_add(&b, S("def"));
    CHECK_STR(buf_str(&b), S("abc"));
    CHECK_ERR(buf_check(&b, "the word", &err), ERR_LIMIT, "the word is larger than 5 bytes");
    CHECK(!buf_extend(&b, 3) && b.n == 3);
    buf_truncate(&b, 3);
    CHECK(!b.full);
    buf_add(&b, S("de"));
    CHECK_OK(buf_check(&b, "the word", &err));
    buf_addf(&b, "%s", "");
    CHECK(!b.full);
    buf_append(&b, "x", SIZE_MAX);
    CHECK(b.full && b.n == 5);
}

TEST(room_for_the_caller)
{
    cleanup_buf Buf b = BUF_INIT(8);
    char *p;

    buf_add(&b, S("a"));
    p = buf_extend(&b, 2);
    CHECK(p);
    memcpy(p, "bc", 2);
    CHECK_STR(buf_str(&b), S("abc"));
    CHECK(buf_extend(&b, 0) == b.p + 3 && b.n == 3);
}

TEST(hands_over)
{
    Buf b = BUF_INIT(8);
    cleanup_free char *p = NULL;

    buf_add_z(&b, "abc");
    p = buf_take(&b);
    CHECK(strcmp(p, "abc") == 0 && b.n == 0 && !b.p);
    buf_done(&b);
}

TEST_MAIN(T(grows_and_ends_in_nul), T(has_a_ceiling), T(room_for_the_caller), T(hands_over))
