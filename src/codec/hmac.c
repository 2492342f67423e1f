/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/hmac.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

void hmac_sha256(Str key, Str message, unsigned char ret[SHA256_BYTES])
{
    unsigned n = 0;
    /* a NULL key would mean "the same as last time" */
    const void *ok = HMAC(EVP_sha256(), key.n ? key.p : "", (int)key.n,
                          (const unsigned char *)(message.n ? message.p : ""), message.n, ret, &n);

    assert(ok && n == SHA256_BYTES);
}

static void pkey_done(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}
#define cleanup_pkey cleanup_with(pkey_done)

static void md_ctx_done(EVP_MD_CTX **c)
{
    EVP_MD_CTX_free(*c);
}
#define cleanup_md_ctx cleanup_with(md_ctx_done)

/* Nobody is asked for a pass phrase. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's type */
static int no_pass_phrase(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static EVP_PKEY *read_key(Str pem)
{
    BIO *bio = pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL) : NULL;

    BIO_free(bio);
    if (key && EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    ERR_clear_error();
    return key;
}

int rs256_sign(Str private_key_pem, Str message, Buf *ret, Err *err)
{
    cleanup_pkey EVP_PKEY *key = read_key(private_key_pem);
    cleanup_md_ctx EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char sum[1024]; /* a key of 8192 bits */
    size_t n = sizeof(sum);

    if (!key)
        return err_set(err, ERR_FORMAT, "the private key is not an RSA key in PEM form");
    if (!ctx || EVP_PKEY_get_size(key) > (int)sizeof(sum) ||
        EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(ctx, sum, &n, (const unsigned char *)message.p, message.n) != 1) {
        ERR_clear_error();
        return err_set(err, ERR_FORMAT, "the private key cannot sign with RS256");
    }
    buf_append(ret, sum, n);
    return 0;
}
