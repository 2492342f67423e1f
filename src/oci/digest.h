/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci/digest.h - content digests, "sha256:<64 lower-case hex digits>" (OCI image-spec,
 * descriptor.md).
 *
 * A Digest is a value. sha512 and others are refused with ERR_UNSUPPORTED.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#define DIGEST_TEXT 71 /* characters, without NUL */

typedef struct Digest {
    char text[DIGEST_TEXT + 1]; /* "" = none */
} Digest;

int digest_parse(Str s, Digest *ret, Err *err) must_check;
Digest digest_from_sha256(const unsigned char sum[32]);
Digest digest_of(Str bytes);
Str digest_hex(const Digest *d);   /* borrowed; the 64 digits */
Str digest_short(const Digest *d); /* borrowed; first 12 digits, for people */

static inline bool digest_eq(const Digest *a, const Digest *b)
{
    return strcmp(a->text, b->text) == 0;
}
static inline bool digest_is_set(const Digest *d)
{
    return d->text[0] != '\0';
}
