/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C with eight tables, eight bytes at a time: table k holds the effect of a byte that is
 * followed by k others. About 2 GB/s, which is more than any object store sends.
 */
#include "codec/checksum.h"

#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <zlib.h>

#include "base/mem.h"

#define CRC32C_POLY 0x82f63b78u /* reflected */

static uint32_t table[8][256];

static void fill_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? (c >> 1) ^ CRC32C_POLY : c >> 1;
        table[0][i] = c;
    }
    for (size_t k = 1; k < 8; k++)
        for (size_t i = 0; i < 256; i++)
            table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 255];
}

uint32_t crc32_update(uint32_t crc, const void *p, size_t n)
{
    return (uint32_t)crc32_z(crc, p, n);
}

uint32_t crc32c_update(uint32_t crc, const void *p, size_t n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const unsigned char *b = p;
    uint32_t c = ~crc;

    (void)pthread_once(&once, fill_table);
    for (; n >= 8; n -= 8, b += 8) {
        uint32_t low = c ^ ((uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
                            (uint32_t)b[3] << 24);

        c = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^
            table[4][low >> 24] ^ table[3][b[4]] ^ table[2][b[5]] ^ table[1][b[6]] ^ table[0][b[7]];
    }
    for (; n > 0; n--, b++)
        c = (c >> 8) ^ table[0][(c ^ *b) & 255];
    return ~c;
}

struct Md5 {
    EVP_MD_CTX *ctx;
};

Md5 *md5_new(void)
{
    Md5 *h = NEW(Md5);

    h->ctx = EVP_MD_CTX_new();
    assert(h->ctx && "out of memory");
    md5_restart(h);
    return h;
}

void md5_free(Md5 *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

void md5_restart(Md5 *h)
{
    int ok = EVP_DigestInit_ex2(h->ctx, EVP_md5(), NULL);

    assert(ok == 1);
}

void md5_update(Md5 *h, const void *p, size_t n)
{
    int ok = EVP_DigestUpdate(h->ctx, p, n);

    assert(ok == 1);
}

void md5_final(Md5 *h, unsigned char ret[MD5_BYTES])
{
    int ok = EVP_DigestFinal_ex(h->ctx, ret, NULL);

    assert(ok == 1);
    md5_restart(h);
}
