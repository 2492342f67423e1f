/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/utf8.h - is it UTF-8, and if not, make it so.
 */
#pragma once

#include "base/buf.h"

/* Bytes of the well-formed character that s begins with (1..4), or 0: Unicode table 3-7, so no
   overlong forms, no surrogates, nothing beyond U+10FFFF. */
size_t utf8_length(Str s);

bool utf8_valid(Str s);

/* Append s with each byte that is part of no well-formed character, and each NUL, as U+FFFD. */
void utf8_clean(Str s, Buf *out);
