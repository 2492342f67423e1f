/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL looks an algorithm up by name each time it is asked for; for short messages that costs
 * more than the hash itself. The lookup is done once for the process and kept for its whole life.
 *
 * The calls below fail only when memory runs out or OpenSSL is built without SHA-256: neither is
 * something a caller could act on, so both end the process.
 */
#include "codec/sha256.h"

#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>

struct Sha256 {
    EVP_MD_CTX *ctx;
};

static EVP_MD *algorithm;

static void fetch_algorithm(void)
{
    algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    assert(algorithm && "OpenSSL without SHA-256");
}

static const EVP_MD *sha256_algorithm(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, fetch_algorithm);
    return algorithm;
}

static void start(EVP_MD_CTX *ctx)
{
    int ok = EVP_DigestInit_ex2(ctx, sha256_algorithm(), NULL);

    assert(ok == 1);
}

Sha256 *sha256_new(void)
{
    Sha256 *h = NEW(Sha256);

    h->ctx = EVP_MD_CTX_new();
    assert(h->ctx && "out of memory");
    start(h->ctx);
    return h;
}

void sha256_free(Sha256 *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

Sha256 *sha256_copy(const Sha256 *h)
{
    Sha256 *copy = sha256_new();
    int ok = EVP_MD_CTX_copy_ex(copy->ctx, h->ctx);

    assert(ok == 1);
    return copy;
}

void sha256_update(Sha256 *h, const void *p, size_t n)
{
    int ok = EVP_DigestUpdate(h->ctx, p, n);

    assert(ok == 1);
}

void sha256_final(Sha256 *h, unsigned char ret[SHA256_BYTES])
{
    int ok = EVP_DigestFinal_ex(h->ctx, ret, NULL);

    assert(ok == 1);
    start(h->ctx);
}

void sha256_of(const void *p, size_t n, unsigned char ret[SHA256_BYTES])
{
    int ok = EVP_Digest(p, n, ret, NULL, sha256_algorithm(), NULL);

    assert(ok == 1);
}

void sha256_hex(const unsigned char sum[SHA256_BYTES], char ret[SHA256_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < SHA256_BYTES; i++) {
        ret[2 * i] = digits[sum[i] >> 4];
        ret[2 * i + 1] = digits[sum[i] & 15];
    }
    ret[SHA256_HEX] = '\0';
}
