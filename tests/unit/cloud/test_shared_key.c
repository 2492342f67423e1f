/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure's documentation prints a request and what is signed of it. Signatures were computed with
 * Python's hmac over these texts and the emulators' well-known key.
 */
#include "cloud/shared_key.h"
#include "test.h"

#define KEY \
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

TEST(signs_what_the_documentation_says)
{
    cleanup_arena Arena a = ARENA_INIT;
    HttpHeader headers[] = {{S("X-Ms-Version"), S("2015-02-21")},
                            {S("x-ms-date"), S("Fri, 26 Jun 2015 23:39:12 GMT")}};
    SharedKey k = {S("myaccount"),
                   S("https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp="
                     "metadata&timeout=20"),
                   headers, ARRAY_LEN(headers)};

    CHECK_STR(shared_key_text(&k, &a),
              S("GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
                "x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\n"
                "restype:container\ntimeout:20"));
}

TEST(signs_a_range)
{
    cleanup_arena Arena a = ARENA_INIT;
    HttpHeader headers[] = {{S("x-ms-version"), S("2021-08-06")},
                            {S("x-ms-date"), S("Fri, 26 Jun 2015 23:39:12 GMT")},
                            {S("If-Match"), S("\"0x8D\"")},
                            {S("Range"), S("bytes=100-")}};
    SharedKey k = {S("devstoreaccount1"),
                   S("http://127.0.0.1:10000/devstoreaccount1/c/a%20b?x=%41"), headers,
                   ARRAY_LEN(headers)};
    Str got;
    Err err;

    CHECK_STR(shared_key_text(&k, &a),
              S("GET\n\n\n\n\n\n\n\n\"0x8D\"\n\n\nbytes=100-\n"
                "x-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2021-08-06\n"
                "/devstoreaccount1/devstoreaccount1/c/a%20b\nx:A"));
    CHECK_OK(shared_key_sign(&k, S(KEY), &a, &got, &err));
    CHECK_STR(got, S("SharedKey devstoreaccount1:RAzL/IaJcbFVVHNfAO8ta4NZjLV5LIGRxEI8yGzFEHs="));
}

TEST(refuses_a_key_that_is_none)
{
    cleanup_arena Arena a = ARENA_INIT;
    SharedKey k = {S("a"), S("https://a/b"), NULL, 0};
    Str got;
    Err err;

    CHECK_ERR(shared_key_sign(&k, S("not a key!"), &a, &got, &err), ERR_FORMAT, "not base64");
    CHECK_ERR(shared_key_sign(&k, S(""), &a, &got, &err), ERR_FORMAT, "not base64");
}

TEST_MAIN(T(signs_what_the_documentation_says), T(signs_a_range), T(refuses_a_key_that_is_none))
