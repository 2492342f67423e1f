/* SPDX-License-Identifier: Apache-2.0 */
#include "dockerfile/text.h"
#include "test.h"

TEST(characters)
{
    CHECK(text_char(S("")) == 0 && text_char(S("a")) == 1 && text_char(S("\xc3\xa4x")) == 2);
    CHECK(text_char(S("\xe2\x82\xac")) == 3 && text_char(S("\xf0\x9f\x98\x80")) == 4);
    CHECK(text_char(S("\xc3")) == 1 && text_char(S("\xffz")) == 1);
}

TEST(spaces)
{
    static const char *const spaces[] = {" ",
                                         "\t",
                                         "\n",
                                         "\v",
                                         "\f",
                                         "\r",
                                         "\xc2\x85",
                                         "\xc2\xa0",
                                         "\xe1\x9a\x80",
                                         "\xe2\x80\x80",
                                         "\xe2\x80\x8a",
                                         "\xe2\x80\xa8",
                                         "\xe2\x80\xaf",
                                         "\xe2\x81\x9f",
                                         "\xe3\x80\x80"};

    for (size_t i = 0; i < ARRAY_LEN(spaces); i++)
        CHECK(text_space(str_from(spaces[i])) == strlen(spaces[i]));
    CHECK(!text_space(S("")) && !text_space(S("a")) && !text_space(S("\x85")));
    CHECK(!text_space(S("\xc3\xa0")) && !text_space(S("\xe2\x80\x8b")) && !text_space(S("\x1c")));
    CHECK_STR(text_trim(S(" \xc2\xa0"
                          "a b\xe3\x80\x80\n")),
              S("a b"));
    CHECK_STR(text_trim(S(" \t")), S(""));
    CHECK_STR(text_trim(S("\xc3\xa0")), S("\xc3\xa0"));
    CHECK_STR(text_trim_newline(S("a\n \r\n\r")), S("a\n "));
}

TEST(letters)
{
    static const char *const letters[] = {"a",
                                          "Z",
                                          "_",
                                          "\xc3\xa4",
                                          "\xce\xa9",
                                          "\xd0\x96",
                                          "\xe6\xbc\xa2",
                                          "\xed\x95\x9c",
                                          "\xf0\x90\x90\x80"};
    static const char *const others[] = {"",
                                         "-",
                                         "1",
                                         "$",
                                         "@",
                                         "[",
                                         "`",
                                         "{",
                                         "\xc3\x97",
                                         "\xc3\xb7",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x98\x80",
                                         "\xff",
                                         "\xc2\xa0"};

    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        CHECK(text_is_letter(str_from(letters[i])) && !text_is_digit(str_from(letters[i])));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        CHECK(!text_is_letter(str_from(others[i])));
    CHECK(text_is_digit(S("0")) && text_is_digit(S("9")) && text_is_digit(S("\xd9\xa3")));
    CHECK(!text_is_digit(S("a")) && !text_is_digit(S("\xc2\xb2")) && !text_is_digit(S("")));
}

TEST(first_word)
{
    Str rest;

    CHECK_STR(text_first_word(S("a \t b c"), &rest), S("a"));
    CHECK_STR(rest, S("b c"));
    CHECK_STR(text_first_word(S("a\xc2\xa0"
                                "b"),
                              &rest),
              S("a\xc2\xa0"
                "b"));
    CHECK_STR(rest, S(""));
    CHECK_STR(text_first_word(S(""), &rest), S(""));
}

TEST(messages)
{
    cleanup_arena Arena a = ARENA_INIT;
    char longer[200];

    memset(longer, 'x', sizeof(longer));
    CHECK_STR(text_quote(&a, S("a\"b\\c\n\t\r\x01\xc3\xa4")),
              S("\"a\\\"b\\\\c\\n\\t\\r\\x01\xc3\xa4\""));
    CHECK_STR(text_clip(&a, S("abc")), S("abc"));
    CHECK(text_clip(&a, (Str){longer, 200}).n == 123);
    CHECK(str_ends(text_quote(&a, (Str){longer, 200}), S("x...\"")));
}

TEST(suggestions)
{
    static const char *const known[] = {"ENV", "RUN", "COPY", "keep"};
    cleanup_arena Arena a = ARENA_INIT;

    CHECK_STR(text_suggest(&a, S("RNU"), known, 4, true), S(" (did you mean RUN?)"));
    CHECK_STR(text_suggest(&a, S("cpoy"), known, 4, true), S(" (did you mean copy?)"));
    CHECK_STR(text_suggest(&a, S("COOPY"), known, 4, true), S(" (did you mean COPY?)"));
    CHECK_STR(text_suggest(&a, S("cpoy"), known, 4, false), S(""));
    CHECK_STR(text_suggest(&a, S("kep"), known, 4, false), S(" (did you mean keep?)"));
    CHECK_STR(text_suggest(&a, S("RUN"), known, 4, true), S(""));
    CHECK_STR(text_suggest(&a, S("x"), known, 4, true), S(""));
    CHECK_STR(text_suggest(&a, S(""), known, 4, true), S(""));
    CHECK_STR(text_suggest(&a, S("ENVIRON"), known, 4, true), S(""));
}

TEST_MAIN(T(characters), T(spaces), T(letters), T(first_word), T(messages), T(suggestions))
