/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/base64.h - RFC 4648 base64: standard and URL alphabets; padding optional when reading.
 */
#pragma once

#include "base/buf.h"

typedef enum Base64Alphabet {
    BASE64_STANDARD,
    BASE64_URL
} Base64Alphabet;

/* BASE64_URL writes no padding. */
void base64_encode(Base64Alphabet a, Str in, Buf *out);

/*
 * Appends to out; false (out as before) when 'in' is not base64 in that alphabet. CR and LF are
 * skipped wherever they stand: base64(1) wraps its lines, and registry logins are pasted so.
 * Unused bits of the last character may be anything. A full 'out' is for buf_check() to tell.
 */
bool base64_decode(Base64Alphabet a, Str in, Buf *out) must_check;
