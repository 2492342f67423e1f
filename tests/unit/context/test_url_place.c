/* SPDX-License-Identifier: Apache-2.0 */
/* Where redirects led, without what signs it. */
#include "context/kinds.h"
#include "test.h"

static bool same(const char *a, const char *b)
{
    Digest x = url_place(str_from(a)), y = url_place(str_from(b));

    return digest_eq(&x, &y);
}

TEST(another_place_is_another)
{
    CHECK(same("http://h/a", "http://h/a"));
    CHECK(!same("http://h/a", "http://h/b") && !same("http://h/a", "http://i/a"));
    CHECK(!same("http://h/a", "https://h/a") && !same("http://h/a?id=1", "http://h/a?id=2"));
    CHECK(!same("http://h/a?id=1", "http://h/a") && !same("http://h/a?id=1", "http://h/a&id=1"));
}

TEST(signatures_do_not_count)
{
    static const char s3[] = "https://b.s3.eu-west-1.amazonaws.com/k";
    static const char hub[] = "https://release-assets.githubusercontent.com/1/2";
    cleanup_arena Arena a = ARENA_INIT;

    CHECK(same(str_fmt_in(&a, "%s?X-Amz-Date=1&X-Amz-Signature=x", s3).p,
               str_fmt_in(&a, "%s?X-Amz-Date=2&X-Amz-Signature=y", s3).p));
    CHECK(!same(str_fmt_in(&a, "%s?versionId=1&X-Amz-Signature=x", s3).p,
                str_fmt_in(&a, "%s?versionId=2&X-Amz-Signature=x", s3).p));
    CHECK(!same(str_fmt_in(&a, "%s?partNumber=1", s3).p, s3));
    CHECK(same(str_fmt_in(&a, "%s?sp=r&se=2026&sig=a%%2Fb&jwt=c", hub).p,
               str_fmt_in(&a, "%s?sp=r&se=2027&sig=c&jwt=d", hub).p));
    CHECK(!same("https://h/a?sig=1", "https://h/a?sig=2"));
    CHECK(!same("https://githubusercontent.com.example/a?sig=1",
                "https://githubusercontent.com.example/a?sig=2"));
}

/* A redirect may be as long as all headers: it costs no more than its length. */
TEST(many_parameters)
{
    cleanup_buf Buf url = BUF_INIT(BUF_SMALL);
    Digest d;

    buf_add_z(&url, "https://h/a?b");
    for (unsigned n = 0; n < 250000; n++)
        buf_add_char(&url, '&');
    d = url_place(buf_str(&url));
    CHECK(digest_is_set(&d));
}

TEST_MAIN(T(another_place_is_another), T(signatures_do_not_count), T(many_parameters))
