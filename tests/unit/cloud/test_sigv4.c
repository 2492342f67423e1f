/* SPDX-License-Identifier: Apache-2.0 */
/* AWS's published test suite for Signature Version 4, and the examples of its S3 documentation. */
#include "cloud/sigv4.h"
#include "test.h"

/* 2015-08-30 12:36:00, 2013-05-24 00:00:00 */
enum {
    SUITE_TIME = 1440938160,
    S3_TIME = 1369353600
};

static const SigV4 suite = {STR_LIT("AKIDEXAMPLE"),
                            STR_LIT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                            STR_LIT(""),
                            STR_LIT("us-east-1"),
                            STR_LIT("service"),
                            SUITE_TIME};
static const SigV4 s3 = {STR_LIT("AKIAIOSFODNN7EXAMPLE"),
                         STR_LIT("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                         STR_LIT(""),
                         STR_LIT("us-east-1"),
                         STR_LIT("s3"),
                         S3_TIME};

static Str header(const HttpHeaderVec *v, const char *name)
{
    vec_foreach(h, v)
        if (str_eq(h->name, str_from(name)))
            return h->value;
    return S("");
}

static void check(const SigV4 *with, const SigV4Request *req, const char *names, const char *hex)
{
    cleanup_arena Arena a = ARENA_INIT;
    HttpHeaderVec got = {0};
    Err err;
    Str want = str_fmt_in(&a, "SignedHeaders=%s, Signature=%s", names, hex);

    CHECK_OK(sigv4_sign(with, req, &a, &got, &err));
    CHECK(str_starts(header(&got, "Authorization"),
                     str_fmt_in(&a, "AWS4-HMAC-SHA256 Credential=" STR_FMT "/",
                                STR_ARG(with->key_id))));
    if (!str_ends(header(&got, "Authorization"), want))
        CHECK_STR(header(&got, "Authorization"), want);
    CHECK_STR(header(&got, "X-Amz-Security-Token"), with->session);
    vec_done(&got);
}

#define SUITE_URL "https://example.amazonaws.com/"

TEST(vanilla)
{
    check(&suite, &(SigV4Request){.method = "GET", .url = S(SUITE_URL), .body = S("")},
          "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    check(&suite, &(SigV4Request){.method = "POST", .url = S(SUITE_URL), .body = S("")},
          "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
    check(&suite,
          &(SigV4Request){.method = "GET",
                          .url = S("https://example.amazonaws.com:443"),
                          .body = S("")},
          "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST(query_is_sorted)
{
    check(&suite,
          &(SigV4Request){.method = "GET",
                          .url = S(SUITE_URL "?Param2=value2&Param1=value1"),
                          .body = S("")},
          "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

TEST(headers_are_sorted_and_trimmed)
{
    HttpHeader sort[] = {{S("My-Header1"), S("value1")}};
    HttpHeader trim[] = {{S("My-Header2"), S(" \"a   b   c\" ")}, {S("My-Header1"), S(" value1")}};

    check(&suite,
          &(SigV4Request){.method = "POST",
                          .url = S(SUITE_URL),
                          .headers = sort,
                          .n_headers = 1,
                          .body = S("")},
          "host;my-header1;x-amz-date",
          "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c");
    check(&suite,
          &(SigV4Request){
              .method = "GET", .url = S(SUITE_URL), .headers = trim, .n_headers = 2, .body = S("")},
          "host;my-header1;my-header2;x-amz-date",
          "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

TEST(body_is_hashed)
{
    HttpHeader form[] = {{S("Content-Type"), S("application/x-www-form-urlencoded")}};

    check(&suite,
          &(SigV4Request){.method = "POST",
                          .url = S(SUITE_URL),
                          .headers = form,
                          .n_headers = 1,
                          .body = S("Param1=value1")},
          "content-type;host;x-amz-date",
          "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

TEST(session_token_is_signed)
{
    SigV4 with = suite;

    with.session =
        S("AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFq"
          "wAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2w"
          "UE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+x"
          "o0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3i"
          "SIlTJabIQwj2ICCR/oLxBA==");
    check(&with, &(SigV4Request){.method = "POST", .url = S(SUITE_URL), .body = S("")},
          "host;x-amz-date;x-amz-security-token",
          "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
}

TEST(s3_object)
{
    HttpHeader range[] = {{S("Range"), S("bytes=0-9")}};

    check(&s3,
          &(SigV4Request){.method = "GET",
                          .url = S("https://examplebucket.s3.amazonaws.com/test.txt"),
                          .headers = range,
                          .n_headers = 1,
                          .body = S(""),
                          .is_s3 = true},
          "host;range;x-amz-content-sha256;x-amz-date",
          "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(s3_query_without_value)
{
    check(&s3,
          &(SigV4Request){.method = "GET",
                          .url = S("https://examplebucket.s3.amazonaws.com/?lifecycle"),
                          .body = S(""),
                          .is_s3 = true},
          "host;x-amz-content-sha256;x-amz-date",
          "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(iam_example)
{
    HttpHeader form[] = {
        {S("Content-Type"), S("application/x-www-form-urlencoded; charset=utf-8")}};
    SigV4 with = suite;

    with.service = S("iam");
    check(&with,
          &(SigV4Request){.method = "GET",
                          .url =
                              S("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"),
                          .headers = form,
                          .n_headers = 1,
                          .body = S("")},
          "content-type;host;x-amz-date",
          "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

TEST(refuses_what_is_no_url)
{
    cleanup_arena Arena a = ARENA_INIT;
    HttpHeaderVec got = {0};
    Err err;

    CHECK_ERR(sigv4_sign(&suite, &(SigV4Request){.method = "GET", .url = S("/x"), .body = S("")},
                         &a, &got, &err),
              ERR_FORMAT, "host");
    vec_done(&got);
}

TEST_MAIN(T(vanilla), T(query_is_sorted), T(headers_are_sorted_and_trimmed), T(body_is_hashed),
          T(session_token_is_signed), T(s3_object), T(s3_query_without_value), T(iam_example),
          T(refuses_what_is_no_url))
