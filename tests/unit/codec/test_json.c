/* SPDX-License-Identifier: Apache-2.0 */
/* What is JSON and what is not, lookups that cannot fail, and documents that come out as made. */
#include "base/limits.h"
#include "codec/json.h"
#include "test.h"

#define L(s)             \
    {                    \
        s, sizeof(s) - 1 \
    } /* S() for static tables */

static Json *parse(Str text)
{
    Json *j = NULL;
    Err err;

    CHECK_OK(json_parse(text, "test", &j, &err));
    return j;
}

static void check_refused(Str text, ErrKind kind, const char *part)
{
    Json *j = NULL;
    Err err;

    CHECK_ERR(json_parse(text, "test", &j, &err), kind, part);
    CHECK(j == NULL);
}

static void check_format(const Json *j, unsigned indent, Str want)
{
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);

    json_format(j, indent, &out);
    CHECK_STR(buf_str(&out), want);
}

TEST(comes_out_as_it_went_in)
{
    static const Str v[] = {
        L("{}"),
        L("[]"),
        L("null"),
        L("\"text\""),
        L("-9223372036854775808"),
        L("9223372036854775807"),
        L("{\"z\":1,\"a\":2,\"m\":{\"y\":[],\"b\":null}}"),
        L("[true,false,null,1.5,\"a/b\"]"),
        L("\"\xc3\xa9 \xf0\x9f\x98\x80\""),
        L("\"\\\"\\\\\\n\\u001F\""),
        L("{\"\":0}"),
    };

    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        cleanup_with(json_free_at) Json *j = parse(v[i]);

        check_format(j, 0, v[i]);
    }
}

TEST(takes_white_space_and_escapes)
{
    cleanup_with(json_free_at) Json *j =
        parse(S(" \t\r\n[ \"\\u00e9\" , \"\\ud83d\\ude00\" , \"\\/\" ]\n"));

    check_format(j, 0, S("[\"\xc3\xa9\",\"\xf0\x9f\x98\x80\",\"/\"]"));
}

TEST(refuses_what_is_not_json)
{
    static const Str v[] = {
        L(""),
        L(" "),
        L("{"),
        L("[1,]"),
        L("{\"a\":1,}"),
        L("{a:1}"),
        L("'a'"),
        L("01"),
        L("+1"),
        L("1."),
        L(".5"),
        L("NaN"),
        L("Infinity"),
        L("nul"),
        L("[1] x"),
        L("{}{}"),
        L("[1]\0"),
        L("\"a\nb\""),
        L("\"\\x41\""),
        L("\"open"),
        L("// c\n1"),
        L("\xef\xbb\xbf{}"),
        L("]"),
        L("\"\\ud800\""),
        L("\"\\udc00\""),
        L("\"\xff\""),
        L("\"\xc0\x80\""),
        L("\"\xed\xa0\x80\""),
        L("{1:2}"),
        L("[1 2]"),
        L("{\"a\" 1}"),
    };

    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        check_refused(v[i], ERR_FORMAT, "test: line ");
}

TEST(refuses_what_is_json_but_dangerous)
{
    check_refused(S("{\"a\":1,\"b\":2,\"a\":3}"), ERR_FORMAT, "duplicate");
    check_refused(S("{\"a\":{\"x\":1,\"\\u0078\":2}}"), ERR_FORMAT, "duplicate");
    check_refused(S("\"\\u0000\""), ERR_FORMAT, "test: line 1");
    check_refused(S("\"a\0b\""), ERR_FORMAT, "test: line 1");
    check_refused(S("{\"a\\u0000\":1}"), ERR_FORMAT, "test: line 1");
    check_refused(S("9223372036854775808"), ERR_FORMAT, "too big");
    check_refused(S("-9223372036854775809"), ERR_FORMAT, "too big");
    check_refused(S("1e999"), ERR_FORMAT, "overflow");
}

TEST(says_where)
{
    check_refused(S("{\n  \"a\": 1,\n  \"b\": x\n}"), ERR_FORMAT, "test: line 3 column ");
}

/* A file of logins may be broken next to a password. */
TEST(never_quotes_the_document)
{
    static const Str v[] = {L("{\"auth\": \"secret\" \"hunter2\"}"), L("{\"auth\": hunter2}"),
                            L("{\"hunter2\":1,\"hunter2\":2}")};

    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        Json *j = NULL;
        Err err = {0};

        CHECK(json_parse(v[i], "logins", &j, &err) < 0);
        CHECK(!strstr(err.msg, "hunter2"));
        CHECK(str_starts(str_from(err.msg), S("logins: line 1 column ")));
    }
}

static void nest(Buf *b, size_t depth, const char *open, const char *close)
{
    for (size_t i = 0; i < depth; i++)
        buf_add_z(b, open);
    buf_add_z(b, "1");
    for (size_t i = 0; i < depth; i++)
        buf_add_z(b, close);
}

TEST(bounds_the_depth)
{
    cleanup_buf Buf most = BUF_INIT(BUF_SMALL), more = BUF_INIT(BUF_SMALL);
    cleanup_buf Buf maps = BUF_INIT(BUF_SMALL), far = BUF_INIT(BUF_SMALL);

    nest(&most, LIMIT_JSON_DEPTH, "[", "]");
    json_free(parse(buf_str(&most)));
    nest(&more, LIMIT_JSON_DEPTH + 1, "[", "]");
    check_refused(buf_str(&more), ERR_LIMIT, "test: line 1 column 65: nested deeper than 64");
    nest(&maps, LIMIT_JSON_DEPTH + 1, "{\"a\":\n", "}");
    check_refused(buf_str(&maps), ERR_LIMIT, "test: line 65 column 1: nested deeper than 64");
    nest(&far, 100000, "[", "");
    check_refused(buf_str(&far), ERR_LIMIT, "nested deeper");
}

TEST(brackets_in_text_are_no_depth)
{
    cleanup_buf Buf b = BUF_INIT(BUF_SMALL);

    buf_add_z(&b, "[\"\\\\\",\"\\\"");
    for (size_t i = 0; i < 200; i++)
        buf_add_z(&b, "[{");
    buf_add_z(&b, "\"]");
    json_free(parse(buf_str(&b)));
}

TEST(looks_up)
{
    cleanup_with(json_free_at) Json *j =
        parse(S("{\"t\":\"text\",\"i\":-5,\"r\":1.0,\"b\":true,\"f\":false,\"n\":null,"
                "\"l\":[1,\"two\"],\"m\":{\"k\":{\"deep\":7}}}"));
    Str s = S("untouched");
    int64_t i = 99;
    bool b = false;

    CHECK(json_get_text(json_find(j, "t"), &s));
    CHECK_STR(s, S("text"));
    CHECK(json_get_int(json_find(j, "i"), &i) && i == -5);
    CHECK(json_get_bool(json_find(j, "b"), &b) && b);
    CHECK(json_get_bool(json_find(j, "f"), &b) && !b);
    CHECK(json_get_int(json_find(json_find(json_find(j, "m"), "k"), "deep"), &i) && i == 7);
    CHECK(json_get_text(json_at(json_find(j, "l"), 1), &s));
    CHECK_STR(s, S("two"));
    CHECK(json_count(j) == 8 && json_count(json_find(j, "l")) == 2);
    CHECK(json_type(j) == JSON_MAP && json_type(json_find(j, "l")) == JSON_LIST);
    CHECK(json_type(json_find(j, "t")) == JSON_TEXT && json_type(json_find(j, "n")) == JSON_NIL);
    CHECK(json_type(json_find(j, "i")) == JSON_NUMBER);
    CHECK(json_type(json_find(j, "r")) == JSON_NUMBER);
    CHECK(json_type(json_find(j, "f")) == JSON_BOOLEAN);
}

TEST(answers_absent)
{
    cleanup_with(json_free_at) Json *j = parse(S("{\"t\":\"1\",\"r\":1.0,\"l\":[1]}"));
    Str s = S("untouched");
    int64_t i = 99;
    bool b = true;

    CHECK(!json_find(j, "T") && !json_find(NULL, "t") && !json_find(json_find(j, "l"), "t"));
    CHECK(!json_at(NULL, 0) && !json_at(j, 0) && !json_at(json_find(j, "l"), 1));
    CHECK(!json_get_text(NULL, &s) && !json_get_text(j, &s));
    CHECK(!json_get_int(NULL, &i) && !json_get_int(json_find(j, "t"), &i));
    CHECK(!json_get_int(json_find(j, "r"), &i));
    CHECK(!json_get_bool(NULL, &b) && !json_get_bool(json_find(j, "t"), &b));
    CHECK(json_count(NULL) == 0 && json_count(json_find(j, "t")) == 0);
    CHECK(json_type(NULL) == JSON_ABSENT);
    CHECK(i == 99 && b);
    CHECK_STR(s, S("untouched"));
}

TEST(walks_in_the_order_of_the_document)
{
    cleanup_with(json_free_at) Json *j = parse(S("{\"z\":0,\"a\":1,\"\xc3\xa9\":2,\"\":3}"));
    static const Str keys[] = {L("z"), L("a"), L("\xc3\xa9"), L("")};
    int64_t n = 0, v;

    for (JsonIter it = {0}; json_next(j, &it); n++) {
        CHECK_STR(it.key, keys[n]);
        CHECK(json_get_int(it.value, &v) && v == n);
    }
    CHECK(n == 4);
    for (JsonIter it = {0}; json_next(NULL, &it);)
        CHECK(false);
    for (JsonIter it = {0}; json_next(json_find(j, "z"), &it);)
        CHECK(false);
}

TEST(makes_documents)
{
    cleanup_with(json_free_at) Json *j = json_new_map();
    Json *list = json_new_list();

    json_set_text(j, "schema", S("v2"));
    json_set(j, "size", json_new_int(INT64_MIN));
    json_set(j, "list", list);
    json_append(list, json_new_bool(true));
    json_append(list, json_new_null());
    json_append(list, json_new_map());
    json_set(j, "gone", json_new_int(1));
    json_set_text(j, "schema", S("v3")); /* in its place */
    json_remove(j, "gone");
    json_remove(j, "never there");
    check_format(j, 0,
                 S("{\"schema\":\"v3\",\"size\":-9223372036854775808,\"list\":[true,null,{}]}"));
    check_format(j, 2,
                 S("{\n  \"schema\": \"v3\",\n  \"size\": -9223372036854775808,\n  \"list\": [\n"
                   "    true,\n    null,\n    {}\n  ]\n}"));
}

TEST(removes_and_appends_behind)
{
    cleanup_with(json_free_at) Json *j = parse(S("{\"a\":1,\"b\":2,\"c\":3}"));

    json_remove(j, "a");
    json_set(j, "a", json_new_int(4));
    check_format(j, 0, S("{\"b\":2,\"c\":3,\"a\":4}"));
}

TEST(copies_are_apart)
{
    cleanup_with(json_free_at) Json *j = parse(S("{\"a\":{\"b\":[1]}}"));
    cleanup_with(json_free_at) Json *copy = json_copy_deep(j);

    json_append(json_find(json_find(copy, "a"), "b"), json_new_int(2));
    check_format(j, 0, S("{\"a\":{\"b\":[1]}}"));
    check_format(copy, 0, S("{\"a\":{\"b\":[1,2]}}"));
}

TEST(makes_text_utf8)
{
    cleanup_with(json_free_at) Json *j = json_new_map();

    json_set_text(j, "text", S("a\xff\xc3\xa9"));
    json_set_text(j, "nul", S("a\0b"));
    json_set_text(j, "key \xfe", S("control \1 \x7f"));
    json_set_text(j, "none", (Str){NULL, 0});
    check_format(j, 0,
                 S("{\"text\":\"a\xef\xbf\xbd\xc3\xa9\",\"nul\":\"a\xef\xbf\xbd"
                   "b\",\"key \xef\xbf\xbd\":\"control \\u0001 \x7f\",\"none\":\"\"}"));

    /* what we write we also read */
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);
    json_format(j, 0, &out);
    json_free(parse(buf_str(&out)));
}

TEST(stops_at_a_full_buffer)
{
    cleanup_with(json_free_at) Json *j = parse(S("[1,2,3,4,5,6,7,8,9]"));
    Buf out = BUF_INIT(5);
    Err err;

    json_format(j, 0, &out);
    CHECK_ERR(buf_check(&out, "manifest", &err), ERR_LIMIT, "manifest is larger than 5 bytes");
    buf_done(&out);
}

TEST(frees_nothing)
{
    json_free(NULL);
}

TEST_MAIN(T(comes_out_as_it_went_in), T(takes_white_space_and_escapes), T(refuses_what_is_not_json),
          T(refuses_what_is_json_but_dangerous), T(says_where), T(never_quotes_the_document),
          T(bounds_the_depth), T(brackets_in_text_are_no_depth), T(looks_up), T(answers_absent),
          T(walks_in_the_order_of_the_document), T(makes_documents), T(removes_and_appends_behind),
          T(copies_are_apart), T(makes_text_utf8), T(stops_at_a_full_buffer), T(frees_nothing))
