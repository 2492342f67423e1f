/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/hmac.h - what requests to clouds are signed with: HMAC-SHA-256 (RFC 2104) and RS256, which
 * is RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 3.3).
 */
#pragma once

#include "base/buf.h"
#include "codec/sha256.h"

void hmac_sha256(Str key, Str message, unsigned char ret[SHA256_BYTES]);

/*
 * Sign with the private key of a PEM text (PKCS#8 or PKCS#1, not encrypted); the raw signature is
 * appended to 'ret'. ERR_FORMAT when the text holds no RSA key that can be used; the message quotes
 * nothing of it.
 */
int rs256_sign(Str private_key_pem, Str message, Buf *ret, Err *err) must_check;
