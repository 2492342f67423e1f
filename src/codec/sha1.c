/* SPDX-License-Identifier: Apache-2.0 */
/* As sha256.c: what fails here is nothing that a caller could act on. */
#include "codec/sha1.h"

#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>

struct Sha1 {
    EVP_MD_CTX *ctx;
};

static EVP_MD *algorithm;

static void fetch_algorithm(void)
{
    algorithm = EVP_MD_fetch(NULL, "SHA1", NULL);
    assert(algorithm && "OpenSSL without SHA-1");
}

static void start(EVP_MD_CTX *ctx)
{
    int ok = EVP_DigestInit_ex2(ctx, algorithm, NULL);

    assert(ok == 1);
}

Sha1 *sha1_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    Sha1 *h = NEW(Sha1);

    (void)pthread_once(&once, fetch_algorithm);
    h->ctx = EVP_MD_CTX_new();
    assert(h->ctx && "out of memory");
    start(h->ctx);
    return h;
}

void sha1_free(Sha1 *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

void sha1_update(Sha1 *h, const void *p, size_t n)
{
    int ok = EVP_DigestUpdate(h->ctx, p, n);

    assert(ok == 1);
}

void sha1_final(Sha1 *h, unsigned char ret[SHA1_BYTES])
{
    int ok = EVP_DigestFinal_ex(h->ctx, ret, NULL);

    assert(ok == 1);
    start(h->ctx);
}
