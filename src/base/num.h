/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/num.h - numbers out of text, strictly: no sign, no space, no leftovers.
 */
#pragma once

#include "base/str.h"

bool num_parse_u64(Str s, uint64_t max, uint64_t *ret) must_check;
bool num_parse_u32(Str s, uint32_t *ret) must_check;
bool num_parse_octal(Str s, uint64_t max, uint64_t *ret) must_check;

/* true false 1 0 t f T F TRUE FALSE True False, as Go's strconv.ParseBool takes them. */
bool num_parse_bool(Str s, bool *ret) must_check;

/* "1.5h", "90s", "1m30s", "500ms", "0": Go's time.ParseDuration, in ns. May be negative. */
bool num_parse_duration_ns(Str s, int64_t *ret) must_check;

/* "3.2 MB" (decimal units as docker prints them) into a caller's array. */
typedef struct NumText {
    char z[32];
} NumText;

NumText num_format_bytes(uint64_t n);
NumText num_format_seconds(int64_t ns); /* "0.4s", "12.0s", "3m05s" */
