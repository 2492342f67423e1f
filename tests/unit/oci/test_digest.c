/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/digest.h"
#include "test.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

TEST(of_bytes)
{
    Digest d = digest_of(S(""));

    CHECK_STR(str_from(d.text), S("sha256:" HEX));
    CHECK_STR(digest_hex(&d), S(HEX));
    CHECK_STR(digest_short(&d), S("e3b0c44298fc"));
    CHECK(strlen(digest_hex(&d).p) == 64); /* used as a file name */
}

TEST(parses)
{
    Digest a = digest_of(S("a")), b;
    Err err;

    CHECK_OK(digest_parse(str_from(a.text), &b, &err));
    CHECK(digest_eq(&a, &b));
    b = digest_of(S("b"));
    CHECK(!digest_eq(&a, &b));
}

TEST(unset_is_empty)
{
    Digest none = {0}, d = digest_of(S("x"));

    CHECK(!digest_is_set(&none));
    CHECK(digest_is_set(&d));
    CHECK_STR(digest_hex(&none), S(""));
    CHECK_STR(digest_short(&none), S(""));
}

TEST(refuses)
{
    static const struct {
        const char *text;
        ErrKind kind;
    } cases[] = {
        {"", ERR_FORMAT},
        {"sha256", ERR_FORMAT},
        {"sha256:", ERR_FORMAT},
        {HEX, ERR_FORMAT},
        {":" HEX, ERR_FORMAT},
        {"SHA256:" HEX, ERR_FORMAT},
        {"sha256:" HEX "0", ERR_FORMAT},
        {"sha256:E3B0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", ERR_FORMAT},
        {"sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", ERR_FORMAT},
        {"sha256:../../../../../../etc/passwd", ERR_FORMAT},
        {"sha256: " HEX, ERR_FORMAT},
        {"sha512:" HEX HEX, ERR_UNSUPPORTED},
        {"multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8", ERR_UNSUPPORTED},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Digest d = {.text = "untouched"};
        Err err;

        CHECK_ERR(digest_parse(str_from(cases[i].text), &d, &err), cases[i].kind, "digest");
        CHECK(strcmp(d.text, "untouched") == 0);
    }
}

TEST_MAIN(T(of_bytes), T(parses), T(unset_is_empty), T(refuses))
