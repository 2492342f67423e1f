/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"
#include "test.h"

TEST(cleans_as_go_does)
{
    static const Str cases[][2] = {
        {STR_LIT(""), STR_LIT(".")},
        {STR_LIT("."), STR_LIT(".")},
        {STR_LIT("/"), STR_LIT("/")},
        {STR_LIT("//"), STR_LIT("/")},
        {STR_LIT("a"), STR_LIT("a")},
        {STR_LIT("a/"), STR_LIT("a")},
        {STR_LIT("a//b/./c/../d"), STR_LIT("a/b/d")},
        {STR_LIT("/.."), STR_LIT("/")},
        {STR_LIT("/../../a"), STR_LIT("/a")},
        {STR_LIT("/a/.."), STR_LIT("/")},
        {STR_LIT("/a/b/../../.."), STR_LIT("/")},
        {STR_LIT(".."), STR_LIT("..")},
        {STR_LIT("../.."), STR_LIT("../..")},
        {STR_LIT("../a/.."), STR_LIT("..")},
        {STR_LIT("a/../.."), STR_LIT("..")},
        {STR_LIT("a/../../b"), STR_LIT("../b")},
        {STR_LIT("a/.."), STR_LIT(".")},
        {STR_LIT("..."), STR_LIT("...")},
        {STR_LIT(".a/..b"), STR_LIT(".a/..b")},
    };
    cleanup_arena Arena a = ARENA_INIT;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_STR(path_clean(&a, cases[i][0]), cases[i][1]);
}

TEST(never_leaves_the_root)
{
    cleanup_arena Arena a = ARENA_INIT;

    CHECK_STR(path_rooted(&a, S("")), S(""));
    CHECK_STR(path_rooted(&a, S("/")), S(""));
    CHECK_STR(path_rooted(&a, S("../../etc")), S("etc"));
    CHECK_STR(path_rooted(&a, S("/a/../../b/")), S("b"));
    CHECK_STR(path_rooted(&a, S("./a")), S("a"));
}

TEST(joins)
{
    cleanup_arena Arena a = ARENA_INIT;

    CHECK_STR(path_join(&a, S("/a"), S("b")), S("/a/b"));
    CHECK_STR(path_join(&a, S("/a"), S("/b")), S("/b"));
    CHECK_STR(path_join(&a, S("/a"), S("../..")), S("/"));
    CHECK_STR(path_join(&a, S(""), S("b/")), S("b"));
    CHECK_STR(path_join(&a, S("/a"), S("")), S("/a"));
}

TEST(splits)
{
    CHECK_STR(path_base(S("/a/b")), S("b"));
    CHECK_STR(path_base(S("/a/b//")), S("b"));
    CHECK_STR(path_base(S("b")), S("b"));
    CHECK_STR(path_base(S("/")), S("/"));
    CHECK_STR(path_base(S("")), S("."));
    CHECK_STR(path_dir(S("a/b")), S("a"));
    CHECK_STR(path_dir(S("b")), S(""));
}

TEST(walks_components)
{
    Str rest = S("//a///b/."), c;

    CHECK(path_next(&rest, &c) && str_eq(c, S("a")));
    CHECK(path_next(&rest, &c) && str_eq(c, S("b")));
    CHECK(path_next(&rest, &c) && str_eq(c, S(".")));
    CHECK(!path_next(&rest, &c));
}

TEST(lies_within)
{
    CHECK(path_within(S("a/b"), S("a")) && path_within(S("a"), S("a")) &&
          path_within(S("a"), S("")));
    CHECK(!path_within(S("ab"), S("a")) && !path_within(S("a"), S("a/b")));
}

TEST_MAIN(T(cleans_as_go_does), T(never_leaves_the_root), T(joins), T(splits), T(walks_components),
          T(lies_within))
