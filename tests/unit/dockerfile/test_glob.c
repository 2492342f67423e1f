/* SPDX-License-Identifier: Apache-2.0 */
/* One component against one pattern, as Go's filepath.Match does it. */
#include "dockerfile/glob.h"
#include "test.h"

static const struct {
    const char *pattern, *name;
    bool want;
} table[] = {
    {"abc", "abc", true},
    {"abc", "abd", false},
    {"", "", true},
    {"", "a", false},
    {"a", "", false},
    {"*", "", true},
    {"*", "abc", true},
    {"*c", "abc", true},
    {"a*", "a", true},
    {"a*", "abc", true},
    {"a*", "ab/c", false},
    {"*", "/", false},
    {"a*/b", "abc/b", true},
    {"a*/b", "a/c/b", false},
    {"a*b*c*d*e*/f", "axbxcxdxe/f", true},
    {"a*b*c*d*e*/f", "axbxcxdxexxx/f", true},
    {"a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false},
    {"a*b?c*x", "abxbbxdbxebxczzx", true},
    {"a*b?c*x", "abxbbxdbxebxczzy", false},
    {"**", "abc", true},
    {"a**b", "axxb", true},
    {"?", "a", true},
    {"?", "", false},
    {"?", "/", false},
    {"a?b",
     "a\xc3\xa4"
     "b",
     true},
    {"a??b",
     "a\xc3\xa4"
     "b",
     false},
    {"[a]", "a", true},
    {"[abc]d", "bd", true},
    {"ab[^c]", "abc", false},
    {"ab[^c]", "abd", true},
    {"ab[^e-g]", "abf", false},
    {"[a-c]", "b", true},
    {"[c-a]", "b", false},
    {"[a-c-]", "-", false}, /* malformed */
    {"[\xc3\xa4-\xc3\xbc]", "\xc3\xb6", true},
    {"a[^a]b", "a/b", false},
    {"a[/]b", "a/b", false},
    {"[\\-x]", "x", true},
    {"[\\-x]", "-", true},
    {"[x\\-]", "z", false},
    {"[\\]a]", "]", true},
    {"[!a]", "!", true}, /* '!' does not negate */
    {"[!a]", "b", false},
    {"a\\*b", "a*b", true},
    {"a\\*b", "axb", false},
    {"\\a", "a", true},
    {"a]", "a]", true},
    /* malformed: nothing matches, not even itself */
    {"[", "[", false},
    {"[]", "[]", false},
    {"[]a]", "]", false},
    {"[^]", "a", false},
    {"[-]", "-", false},
    {"[x-]", "x", false},
    {"[-x]", "x", false},
    {"[a", "a", false},
    {"[a-", "a", false},
    {"[\\", "a", false},
    {"a\\", "a", false},
    {"*[", "x", false},
    {"b[", "a", false},
};

TEST(matching)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (glob_match(str_from(table[i].pattern), str_from(table[i].name)) == table[i].want)
            continue;
        fprintf(stderr, "%s against %s\n", table[i].pattern, table[i].name);
        CHECK(!"as expected");
    }
}

TEST(wildcards)
{
    CHECK(!glob_has_wildcard(S("")) && !glob_has_wildcard(S("a.b-c]{}")));
    CHECK(glob_has_wildcard(S("a*")) && glob_has_wildcard(S("?")));
    CHECK(glob_has_wildcard(S("[a]")) && glob_has_wildcard(S("\\a")));
    CHECK(!glob_has_wildcard((Str){"a\0b", 3}));
}

TEST(validity)
{
    CHECK(glob_is_valid(S("")) && glob_is_valid(S("a*[b-c]\\[?]")));
    CHECK(!glob_is_valid(S("a[")) && !glob_is_valid(S("a\\")) && !glob_is_valid(S("[a-]")));
}

TEST(hostile)
{
    char name[4096], pattern[4096];

    memset(name, 'a', sizeof(name));
    for (size_t i = 0; i + 1 < sizeof(pattern); i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[sizeof(pattern) - 1] = 'b';
    CHECK(!glob_match((Str){pattern, sizeof(pattern)}, (Str){name, sizeof(name)}));
}

TEST_MAIN(T(matching), T(wildcards), T(validity), T(hostile))
