/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC: RFC 4231. RS256: RFC 7515 A.2, where key, text and signature are printed. */
#include "codec/base64.h"
#include "codec/hmac.h"
#include "rfc7515_key.h"
#include "test.h"

typedef struct Vector {
    Str key, message;
    const char *hex;
} Vector;

static const Vector vectors[] = {
    {STR_LIT("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"),
     STR_LIT("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {STR_LIT("Jefe"), STR_LIT("what do ya want for nothing?"),
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {STR_LIT(""), STR_LIT(""), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
};

TEST(hmac_answers_known_vectors)
{
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        unsigned char sum[SHA256_BYTES];
        char hex[SHA256_HEX + 1];

        hmac_sha256(vectors[i].key, vectors[i].message, sum);
        sha256_hex(sum, hex);
        CHECK_STR(str_from(hex), str_from(vectors[i].hex));
    }
}

TEST(signs_as_rfc7515_does)
{
    Str text = S("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6"
                 "Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ");
    cleanup_buf Buf raw = BUF_INIT(BUF_SMALL), text64 = BUF_INIT(BUF_SMALL);
    Err err;

    CHECK_OK(rs256_sign(str_from(rfc7515_key), text, &raw, &err));
    base64_encode(BASE64_URL, buf_str(&raw), &text64);
    CHECK_STR(
        buf_str(&text64),
        S("cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5Y"
          "Kt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBA"
          "rLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7"
          "noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlU"
          "PQGe77Rw"));
}

TEST(refuses_what_is_no_key)
{
    cleanup_buf Buf raw = BUF_INIT(BUF_SMALL);
    cleanup_free char *cut = str_dup(str_head(str_from(rfc7515_key), 400));
    Err err;

    CHECK_ERR(rs256_sign(S(""), S("x"), &raw, &err), ERR_FORMAT, "not an RSA key");
    CHECK_ERR(rs256_sign(S("secret"), S("x"), &raw, &err), ERR_FORMAT, "not an RSA key");
    CHECK(!strstr(err.msg, "secret"));
    CHECK_ERR(rs256_sign(str_from(cut), S("x"), &raw, &err), ERR_FORMAT, "not an RSA key");
    CHECK(raw.n == 0);
}

TEST_MAIN(T(hmac_answers_known_vectors), T(signs_as_rfc7515_does), T(refuses_what_is_no_key))
