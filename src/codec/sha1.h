/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/sha1.h - SHA-1 over a stream (OpenSSL EVP), for the names of git's objects and nothing
 * else: it is no proof against somebody who made both of two files.
 */
#pragma once

#include "base/io.h"

#define SHA1_BYTES 20

typedef struct Sha1 Sha1;

Sha1 *sha1_new(void); /* owned by caller */
void sha1_free(Sha1 *h);
CLEANUP_DEFINE(Sha1, sha1_free);

void sha1_update(Sha1 *h, const void *p, size_t n);
void sha1_final(Sha1 *h, unsigned char ret[SHA1_BYTES]); /* and ready for the next message */
