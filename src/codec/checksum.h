/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/checksum.h - the weaker sums that object stores keep of what they hold: CRC-32C (RFC 3720)
 * and MD5. They tell a broken transfer, not a forgery.
 */
#pragma once

#include "base/base.h"

/* Go on from 'crc' (0 to begin with). */
uint32_t crc32_update(uint32_t crc, const void *p, size_t n); /* gzip's, for indexes of packs */
uint32_t crc32c_update(uint32_t crc, const void *p, size_t n);

#define MD5_BYTES 16

typedef struct Md5 Md5;

Md5 *md5_new(void); /* owned by caller */
void md5_free(Md5 *h);
CLEANUP_DEFINE(Md5, md5_free);

void md5_restart(Md5 *h);
void md5_update(Md5 *h, const void *p, size_t n);
void md5_final(Md5 *h, unsigned char ret[MD5_BYTES]); /* and ready for the next message */
