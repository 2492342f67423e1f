/* SPDX-License-Identifier: Apache-2.0 */
/* The borders of each row of Unicode's table of well-formed bytes, and what replaces the others. */
#include "codec/utf8.h"
#include "test.h"

TEST(knows_the_borders)
{
    static const struct {
        Str s;
        size_t want;
    } v[] = {
        {{"\x00", 1}, 1},
        {{"\x7f", 1}, 1},
        {{"\xc2\x80", 2}, 2},
        {{"\xdf\xbf", 2}, 2},
        {{"\xe0\xa0\x80", 3}, 3},
        {{"\xed\x9f\xbf", 3}, 3},
        {{"\xee\x80\x80", 3}, 3},
        {{"\xef\xbf\xbf", 3}, 3},
        {{"\xf0\x90\x80\x80", 4}, 4},
        {{"\xf4\x8f\xbf\xbf", 4}, 4},
        /* stray, overlong, surrogate, beyond, cut */
        {{"\x80", 1}, 0},
        {{"\xc0\x80", 2}, 0},
        {{"\xc1\xbf", 2}, 0},
        {{"\xe0\x9f\xbf", 3}, 0},
        {{"\xed\xa0\x80", 3}, 0},
        {{"\xf0\x8f\xbf\xbf", 4}, 0},
        {{"\xf4\x90\x80\x80", 4}, 0},
        {{"\xf5\x80\x80\x80", 4}, 0},
        {{"\xff", 1}, 0},
        {{"\xe2\x82", 2}, 0},
        {{"\xf0\x9f\x98", 3}, 0},
        {{"\xc3(", 2}, 0},
        {{"\xe2\x82(", 3}, 0},
        {{"", 0}, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        CHECK(utf8_length(v[i].s) == v[i].want);
}

static void check_clean(Str in, Str want)
{
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);

    utf8_clean(in, &out);
    CHECK_STR(buf_str(&out), want);
    CHECK(utf8_valid(buf_str(&out)));
}

TEST(replaces_byte_by_byte)
{
    check_clean(S(""), S(""));
    check_clean(S("na\xc3\xafve"), S("na\xc3\xafve"));
    check_clean(S("a\xff"
                  "b"),
                S("a\xef\xbf\xbd"
                  "b"));
    check_clean(S("\xed\xa0\x80"), S("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"));
    check_clean(S("a\0b"), S("a\xef\xbf\xbd"
                             "b"));
    check_clean(S("x\xe2\x82"), S("x\xef\xbf\xbd\xef\xbf\xbd"));
}

TEST(tells_valid_text)
{
    CHECK(utf8_valid(S("")));
    CHECK(utf8_valid(S("\xf0\x9f\x98\x80 ok")));
    CHECK(!utf8_valid(S("ok \xf0\x9f\x98")));
}

TEST_MAIN(T(knows_the_borders), T(replaces_byte_by_byte), T(tells_valid_text))
