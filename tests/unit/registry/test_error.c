/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/internal.h"
#include "test.h"

static Str words(Arena *a, const char *body, const char *type)
{
    return error_words(str_from(body), str_from(type), a);
}

TEST(the_registrys_own_words)
{
    cleanup_arena Arena a = ARENA_INIT;

    CHECK_STR(words(&a, "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\"}]}", ""),
              S("DENIED: no"));
    CHECK_STR(
        words(&a, "{\"errors\":[{\"code\":\"A\"},{\"message\":\"b\"},{},{\"message\":\"fourth\"}]}",
              ""),
        S("A; b"));
    CHECK_STR(words(&a, "{\"details\":\"incorrect username\"}", ""), S("incorrect username"));
    CHECK_STR(words(&a, "{\"message\":\"toomany\"}", ""), S("toomany"));
    CHECK_STR(words(&a, "{\"errors\":\"odd\",\"error\":\"e\"}", ""), S("e"));
    CHECK_STR(words(&a, "[]", ""), S(""));
}

TEST(words_of_proxies)
{
    cleanup_arena Arena a = ARENA_INIT;

    CHECK_STR(words(&a, "", ""), S(""));
    CHECK_STR(words(&a, "<html><body>502</body>", "text/plain"), S(""));
    CHECK_STR(words(&a, "page", "text/html; charset=utf-8"), S(""));
    CHECK_STR(words(&a, " upstream\tis \x1b[31mdown\nsecond line", ""), S("upstream is  [31mdown"));
}

TEST(long_words_are_cut)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str long_text = str_fmt_in(&a, "%05000d", 1), got;

    got = error_words(long_text, S(""), &a);
    CHECK(got.n == 403 && str_ends(got, S("...")));
}

TEST_MAIN(T(the_registrys_own_words), T(words_of_proxies), T(long_words_are_cut))
