/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors of RFC 4648 section 10, both alphabets, and what must not be taken for base64. */
#include "codec/base64.h"
#include "test.h"

static void check_encode(Base64Alphabet a, Str in, Str want)
{
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);

    base64_encode(a, in, &out);
    CHECK_STR(buf_str(&out), want);
}

static void check_decode(Base64Alphabet a, Str in, Str want)
{
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);

    buf_add_z(&out, ">");
    CHECK(base64_decode(a, in, &out));
    CHECK_STR(str_skip(buf_str(&out), 1), want);
}

static void check_refused(Base64Alphabet a, Str in)
{
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);

    buf_add_z(&out, "before");
    CHECK(!base64_decode(a, in, &out));
    CHECK_STR(buf_str(&out), S("before"));
}

TEST(answers_rfc_vectors)
{
    static const struct {
        Str plain, standard, url;
    } v[] = {
        {{"", 0}, {"", 0}, {"", 0}},
        {{"f", 1}, {"Zg==", 4}, {"Zg", 2}},
        {{"fo", 2}, {"Zm8=", 4}, {"Zm8", 3}},
        {{"foo", 3}, {"Zm9v", 4}, {"Zm9v", 4}},
        {{"foob", 4}, {"Zm9vYg==", 8}, {"Zm9vYg", 6}},
        {{"fooba", 5}, {"Zm9vYmE=", 8}, {"Zm9vYmE", 7}},
        {{"foobar", 6}, {"Zm9vYmFy", 8}, {"Zm9vYmFy", 8}},
        {{"\xfb\xff\xbf", 3}, {"+/+/", 4}, {"-_-_", 4}},
    };

    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        check_encode(BASE64_STANDARD, v[i].plain, v[i].standard);
        check_encode(BASE64_URL, v[i].plain, v[i].url);
        check_decode(BASE64_STANDARD, v[i].standard, v[i].plain);
        check_decode(BASE64_URL, v[i].url, v[i].plain);
    }
}

TEST(takes_either_padding)
{
    check_decode(BASE64_STANDARD, S("Zg"), S("f"));
    check_decode(BASE64_STANDARD, S("Zm8"), S("fo"));
    check_decode(BASE64_URL, S("Zg=="), S("f"));
    check_decode(BASE64_URL, S("Zm8="), S("fo"));
}

TEST(skips_line_ends)
{
    check_decode(BASE64_STANDARD, S("Zm9v\r\nYmFy\n"), S("foobar"));
    check_decode(BASE64_STANDARD, S("\nZg=\n=\n"), S("f"));
    check_decode(BASE64_STANDARD, S("\n\n"), S(""));
}

TEST(refuses_the_rest)
{
    static const Str bad[] = {
        {"Z", 1},       {"Zg=", 3},   {"Zg===", 5},  {"=", 1},     {"====", 4},  {"Zm9v=", 5},
        {"Zm9v==", 6},  {"Zm8==", 5}, {"Zg==Zg", 6}, {"Zm 9v", 5}, {"Zm9v!", 5}, {"Zm9vY", 5},
        {"Zm9\x80", 4}, {"Zm9\0", 4}, {"Zg=x", 4},   {" Zm9v", 5},
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        check_refused(BASE64_STANDARD, bad[i]);
    check_refused(BASE64_STANDARD, S("-_-_"));
    check_refused(BASE64_URL, S("+/+/"));
}

TEST(leaves_a_full_buffer_to_its_owner)
{
    cleanup_buf Buf out = BUF_INIT(4);
    Err err;

    CHECK(base64_decode(BASE64_STANDARD, S("Zm9vYmFy"), &out));
    CHECK_ERR(buf_check(&out, "login", &err), ERR_LIMIT, "login");
}

TEST(comes_back_from_every_length)
{
    unsigned char data[256];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 151 + 3);
    for (size_t n = 0; n <= sizeof(data); n++) {
        for (int a = BASE64_STANDARD; a <= BASE64_URL; a++) {
            cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

            base64_encode((Base64Alphabet)a, (Str){(char *)data, n}, &text);
            check_decode((Base64Alphabet)a, buf_str(&text), (Str){(char *)data, n});
        }
    }
}

TEST_MAIN(T(answers_rfc_vectors), T(takes_either_padding), T(skips_line_ends), T(refuses_the_rest),
          T(leaves_a_full_buffer_to_its_owner), T(comes_back_from_every_length))
