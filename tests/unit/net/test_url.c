/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http.h"
#include "test.h"

static Str resolve(Arena *a, const char *base, const char *location)
{
    Str got;
    Err err;

    CHECK_OK(url_resolve(a, str_from(base), str_from(location), &got, &err));
    return got;
}

TEST(escapes_all_but_unreserved)
{
    cleanup_buf Buf out = BUF_INIT(100);

    url_escape(S("aZ09-._~ /:+%\xc3\xa9"), &out);
    CHECK_STR(buf_str(&out), S("aZ09-._~%20%2F%3A%2B%25%C3%A9"));
}

TEST(resolves_locations)
{
    cleanup_arena Arena a = ARENA_INIT;
    const char *base = "https://reg.example:5000/v2/x/blobs/uploads/?a=1";

    CHECK_STR(resolve(&a, base, "/v2/y?_state=A%2Fb%3D&n=1"),
              S("https://reg.example:5000/v2/y?_state=A%2Fb%3D&n=1"));
    CHECK_STR(resolve(&a, base, "http://other/z"), S("http://other/z"));
    CHECK_STR(resolve(&a, base, "//other:81/z"), S("https://other:81/z"));
    CHECK_STR(resolve(&a, base, "id?x"), S("https://reg.example:5000/v2/x/blobs/uploads/id?x"));
    CHECK_STR(resolve(&a, base, "../../z"), S("https://reg.example:5000/v2/x/z"));
    CHECK_STR(resolve(&a, base, "?digest=sha256:0"),
              S("https://reg.example:5000/v2/x/blobs/uploads/?digest=sha256:0"));
    CHECK_STR(resolve(&a, base, "  /trimmed \r"), S("https://reg.example:5000/trimmed"));
}

TEST(refuses_locations_that_are_no_urls)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str got;
    Err err;

    CHECK_ERR(url_resolve(&a, S("https://r/"), S("file:///etc/passwd"), &got, &err), ERR_FORMAT,
              "neither http");
    CHECK_ERR(url_resolve(&a, S("https://r/"), S(""), &got, &err), ERR_FORMAT, "empty");
    CHECK_ERR(url_resolve(&a, S("https://r/"), S("a\0b"), &got, &err), ERR_FORMAT, "garbled");
    CHECK_ERR(url_resolve(&a, S("https://r/"), S("http://a\nb/"), &got, &err), ERR_FORMAT,
              "no URL");
    CHECK_ERR(url_resolve(&a, S("nonsense"), S("/a"), &got, &err), ERR_FORMAT, "absolute");
}

TEST(finds_the_host)
{
    CHECK_STR(url_host(S("https://reg:5000/v2/")), S("reg:5000"));
    CHECK_STR(url_host(S("https://u:p@reg/v2/@x")), S("reg"));
    CHECK_STR(url_host(S("http://[::1]:5000?x")), S("[::1]:5000"));
    CHECK_STR(url_host(S("http://h#f")), S("h"));
}

TEST(compares_origins)
{
    CHECK(url_same_origin(S("https://h/a"), S("https://H:443/b")));
    CHECK(url_same_origin(S("http://h:80/a"), S("http://h/b?c")));
    CHECK(!url_same_origin(S("https://h/a"), S("http://h/a")));
    CHECK(!url_same_origin(S("https://h/a"), S("http://h:443/a")));
    CHECK(!url_same_origin(S("https://h/a"), S("https://h:444/a")));
    CHECK(!url_same_origin(S("https://h/a"), S("https://h@evil/a")));
    CHECK(!url_same_origin(S("https://h/a"), S("https://g/a")));
    CHECK(!url_same_origin(S("https://h/a"), S("")));
}

TEST(knows_this_machine_in_any_spelling)
{
    const char *local[] = {"http://localhost/",
                           "http://LOCALHOST.:5000/",
                           "http://a.localhost/",
                           "http://127.0.0.1:5000/",
                           "http://127.9.9.9/",
                           "http://2130706433/",
                           "http://0x7f.1/",
                           "http://[::1]/",
                           "http://[::ffff:127.0.0.1]/",
                           "http://169.254.169.254/latest/",
                           "http://[fe80::1]/",
                           "http://0.0.0.0/",
                           "http://[::]/",
                           "http://0251.0376.0251.0376/"};
    const char *remote[] = {"http://10.0.0.1/",       "http://192.168.1.1/",
                            "http://example.com/",    "http://127.0.0.1.example.com/",
                            "http://[2001:db8::1]/",  "http://notlocalhost/",
                            "http://localhost@evil/", "nonsense:"};

    for (size_t i = 0; i < ARRAY_LEN(local); i++)
        CHECK(url_is_machine_local(str_from(local[i])) || !fprintf(stderr, "%s\n", local[i]));
    for (size_t i = 0; i < ARRAY_LEN(remote); i++)
        CHECK(!url_is_machine_local(str_from(remote[i])) || !fprintf(stderr, "%s\n", remote[i]));
}

TEST(hides_secrets_from_people)
{
    cleanup_arena Arena a = ARENA_INIT;

    CHECK_STR(url_for_people(&a, S("https://u:pw@h:1/p?sig=secret#f")), S("https://h:1/p"));
    CHECK_STR(url_for_people(&a, S("https://h#f")), S("https://h"));
    CHECK_STR(url_for_people(&a, S("")), S(""));
}

TEST_MAIN(T(escapes_all_but_unreserved), T(resolves_locations),
          T(refuses_locations_that_are_no_urls), T(finds_the_host), T(compares_origins),
          T(knows_this_machine_in_any_spelling), T(hides_secrets_from_people))
