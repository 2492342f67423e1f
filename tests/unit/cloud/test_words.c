/* SPDX-License-Identifier: Apache-2.0 */
/* The words and the times of services. */
#include "cloud/internal.h"
#include "test.h"

TEST(finds_the_text_of_an_element)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str xml = S(
            "<?xml version=\"1.0\"?><R xmlns=\"x\"><CodeX>no</CodeX><Code> a&amp;b&lt;&#39;&quot; "
            "</Code><Code>second</Code><Open>x"),
        got = S("untouched");

    CHECK(xml_text(xml, "Code", &a, &got));
    CHECK_STR(got, S("a&b<'\""));
    CHECK(!xml_text(xml, "Cod", &a, &got));
    CHECK(!xml_text(xml, "Open", &a, &got));
    CHECK(!xml_text(S(""), "Code", &a, &got));
    CHECK(!xml_text(S("<Code"), "Code", &a, &got));
    CHECK_STR(got, S("a&b<'\""));
}

static void words(const char *body, const char *want)
{
    cleanup_arena Arena a = ARENA_INIT;
    HttpAnswer answer = {.status = 403, .body = BUF_INIT(BUF_SMALL)};

    buf_add_z(&answer.body, body);
    CHECK_STR(answer_words(&answer, &a), str_from(want));
    buf_done(&answer.body);
}

TEST(repeats_what_services_say)
{
    words("<Error><Code>AccessDenied</Code><Message>Access Denied.\nRequestId:1</Message></Error>",
          "AccessDenied: Access Denied");
    words("{\"error\":\"invalid_grant\",\"error_description\":\"Bad \\u001b[31mthing\"}",
          "invalid_grant: Bad  [31mthing");
    words("{\"error\":{\"code\":403,\"message\":\"no access\",\"errors\":[]}}", "no access");
    words("{\"__type\":\"ExpiredTokenException\",\"message\":\"expired\"}",
          "ExpiredTokenException: expired");
    words("plain text\n", "plain text");
    words("<html>no code</html>", "");
    words("", "");
}

TEST(reads_times)
{
    int64_t t = 0;

    CHECK(when_parse_iso(S("2015-08-30T12:36:00Z"), &t) && t == 1440938160);
    CHECK(when_parse_iso(S("2015-08-30T12:36:00.123456Z"), &t) && t == 1440938160);
    CHECK(when_parse_iso(S("2015-08-30T14:36:00+02:00"), &t) && t == 1440938160);
    CHECK(when_parse_iso(S("2015-08-30T04:36:00-0800"), &t) && t == 1440938160);
    CHECK(when_parse_http(S("Sun, 30 Aug 2015 12:36:00 GMT"), &t) && t == 1440938160);
    CHECK(!when_parse_iso(S("2015-08-30"), &t));
    CHECK(!when_parse_iso(S("2015-13-30T12:36:00Z"), &t));
    CHECK(!when_parse_iso(S("2015-08-30T12:36:00+x"), &t));
    CHECK(!when_parse_iso(S("2015-08-30T12:36:00."), &t) || t == 1440938160);
    CHECK(!when_parse_http(S("Sun, 30 Agu 2015 12:36:00 GMT"), &t));
    CHECK(!when_parse_http(S(""), &t));
}

TEST(writes_times)
{
    cleanup_arena Arena a = ARENA_INIT;

    CHECK_STR(when_basic(1440938160, &a), S("20150830T123600Z"));
    CHECK_STR(when_http(1440938160, &a), S("Sun, 30 Aug 2015 12:36:00 GMT"));
}

TEST_MAIN(T(finds_the_text_of_an_element), T(repeats_what_services_say), T(reads_times),
          T(writes_times))
