/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "test.h"

TEST(compares)
{
    CHECK(str_eq(S(""), (Str){NULL, 0}) && str_eq(S("a\0b"), S("a\0b")) &&
          !str_eq(S("a\0b"), S("a")));
    CHECK(str_cmp(S("a"), S("ab")) < 0 && str_cmp(S("b"), S("ab")) > 0 &&
          str_cmp(S(""), S("")) == 0);
    CHECK(str_cmp(S("\xff"), S("a")) > 0);
    CHECK(str_eq_nocase(S("FROM"), S("from")) && !str_eq_nocase(S("\xc3\x84"), S("\xc3\xa4")));
    CHECK(str_starts(S("abc"), S("ab")) && !str_starts(S("a"), S("ab")) &&
          str_starts(S("a"), S("")));
    CHECK(str_ends(S("abc"), S("bc")) && !str_ends(S("c"), S("bc")));
    CHECK(str_contains(S("abc"), S("b")) && !str_contains(S("abc"), S("x")) &&
          str_contains(S(""), S("")));
}

TEST(cuts)
{
    Str head = S("untouched"), tail = head;

    CHECK(!str_cut(S("abc"), '=', &head, &tail) && str_eq(head, S("untouched")));
    CHECK(str_cut(S("a=b=c"), '=', &head, &tail) && str_eq(head, S("a")) && str_eq(tail, S("b=c")));
    CHECK(str_cut_last(S("a=b=c"), '=', &head, &tail) && str_eq(head, S("a=b")) &&
          str_eq(tail, S("c")));
    CHECK(str_cut(S("="), '=', &head, &tail) && head.n == 0 && tail.n == 0);
    CHECK_STR(str_trim(S(" \t\n a b \r\v\f")), S("a b"));
    CHECK_STR(str_trim(S("  ")), S(""));
}

static size_t count_fields(Str s)
{
    size_t n = 0;

    for (Str rest = s, f; str_next(&rest, ',', &f);)
        n++;
    return n;
}

TEST(walks_fields)
{
    CHECK(count_fields(S("")) == 1 && count_fields(S("a,,b")) == 3 && count_fields(S("a,")) == 2);
    CHECK(count_fields((Str){NULL, 0}) == 0);
}

TEST(copies)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_free char *z = str_dup(S("ab"));

    CHECK(strcmp(z, "ab") == 0);
    CHECK_STR(str_fmt_in(&a, STR_FMT "-%d", STR_ARG(S("x")), 7), S("x-7"));
    CHECK(str_dup_in(&a, S("q")).p[1] == '\0');
    CHECK_STR(str_lower_in(&a, S("A\xc3\x84z")), S("a\xc3\x84z"));
}

TEST(distances)
{
    char longer[65];

    memset(longer, 'x', sizeof(longer));
    CHECK(str_distance(S("copy"), S("copy")) == 0 && str_distance(S("coppy"), S("copy")) == 1);
    CHECK(str_distance(S("cpoy"), S("copy")) == 2 && str_distance(S(""), S("abc")) == 3);
    CHECK(str_distance((Str){longer, sizeof(longer)}, S("x")) > 64);
}

TEST_MAIN(T(compares), T(cuts), T(walks_fields), T(copies), T(distances))
