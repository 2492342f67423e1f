/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/limits.h"
#include "dockerfile/jsonlist.h"
#include "test.h"

static void check_list(const char *text, const char *want)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);
    StrVec items = {0};
    JsonList kind = json_list_parse(&a, str_from(text), &items);

    buf_add_z(&got, kind == JSON_LIST_NONE ? "none" : kind == JSON_LIST_MIXED ? "mixed" : "");
    vec_foreach(item, &items)
        buf_addf(&got, "<" STR_FMT ">", STR_ARG(*item));
    if (!str_eq(buf_str(&got), str_from(want)))
        fprintf(stderr, "%s:\n", text);
    CHECK_STR(buf_str(&got), str_from(want));
}

TEST(strings)
{
    check_list("[]", "");
    check_list(" [ ] ", "");
    check_list("[\"\"]", "<>");
    check_list("[\"a\",\"b\"]", "<a><b>");
    check_list("\t[\r\n\"a\" , \"b c\"]\n", "<a><b c>");
    check_list("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "<\"\\/\b\f\n\r\t>");
    check_list("[\"\\u0041\\u00e4\\u20AC\\uD83D\\uDE00\"]",
               "<A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80>");
    check_list("[\"\xc3\xa4\"]", "<\xc3\xa4>");
    /* repaired */
    check_list("[\"\\ud83d\"]", "<\xef\xbf\xbd>");
    check_list("[\"\\ud83dx\"]", "<\xef\xbf\xbdx>");
    check_list("[\"\\ud83d\\u0041\"]", "<\xef\xbf\xbd"
                                       "A>");
    check_list("[\"\\ude00\"]", "<\xef\xbf\xbd>");
    check_list("[\"a\xff\"]", "<a\xef\xbf\xbd>");
}

TEST(mixed)
{
    check_list("[1]", "mixed");
    check_list("[\"a\", null]", "mixed");
    check_list("[true, false, \"a\"]", "mixed");
    check_list("[-0.5e+10, 0, 12, 1E-2]", "mixed");
    check_list("[[], [\"a\", [1]]]", "mixed");
    check_list("[{}, {\"a\": {\"b\": [1, \"c\"]}, \"d\": \"e\"}]", "mixed");
}

TEST(not_json)
{
    static const char *const table[] = {
        "",
        "a",
        "\"a\"",
        "{}",
        "[",
        "]",
        "[\"a\"",
        "[\"a]",
        "[\"a\"]x",
        "[\"a\"][]",
        "[\"a\",]",
        "[,\"a\"]",
        "[\"a\" \"b\"]",
        "['a']",
        "[a]",
        "[01]",
        "[1.]",
        "[.5]",
        "[1e]",
        "[-]",
        "[+1]",
        "[tru]",
        "[\"\\x\"]",
        "[\"\\u12\"]",
        "[\"\\u12g4\"]",
        "[\"a\nb\"]",
        "[\"a\tb\"]",
        "[\"a\\\"]",
        "[{\"a\"}]",
        "[{a:1}]",
        "[{\"a\":1,}]",
        "[{\"a\" 1}]",
        "[1 2]",
        "[nullx]",
        "[\"a\"]\xc2\xa0",
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        check_list(table[i], "none");
}

TEST(depth)
{
    char text[2 * LIMIT_JSON_DEPTH + 3];
    cleanup_arena Arena a = ARENA_INIT;
    StrVec items = {0};

    for (size_t deep = LIMIT_JSON_DEPTH; deep <= LIMIT_JSON_DEPTH + 1; deep++) {
        memset(text, '[', deep);
        memset(text + deep, ']', deep);
        CHECK(json_list_parse(&a, (Str){text, 2 * deep}, &items) ==
              (deep == LIMIT_JSON_DEPTH ? JSON_LIST_MIXED : JSON_LIST_NONE));
    }
}

TEST_MAIN(T(strings), T(mixed), T(not_json), T(depth))
