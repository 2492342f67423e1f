/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/sha256.h - SHA-256 over a stream (OpenSSL EVP).
 *
 * Feed it blocks of up to 256 KiB while they are hot in the cache.
 */
#pragma once

#include "base/io.h"

#define SHA256_BYTES 32
#define SHA256_HEX   64 /* characters, without NUL */

typedef struct Sha256 Sha256;

Sha256 *sha256_new(void); /* owned by caller */
void sha256_free(Sha256 *h);
CLEANUP_DEFINE(Sha256, sha256_free);

/* Another one that has seen the same bytes; owned by caller. */
Sha256 *sha256_copy(const Sha256 *h);

void sha256_update(Sha256 *h, const void *p, size_t n);
void sha256_final(Sha256 *h, unsigned char ret[SHA256_BYTES]); /* and ready for the next message */

void sha256_of(const void *p, size_t n, unsigned char ret[SHA256_BYTES]);
void sha256_hex(const unsigned char sum[SHA256_BYTES], char ret[SHA256_HEX + 1]);
