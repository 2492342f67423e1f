/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/pattern.h - the patterns of ${v#p} ${v%p} ${v/p/r}: '?' one character, '*' any run, no
 * classes.
 *
 * "\?" "\*" "\\" stand for themselves, "\}" and "\/" for the character that ${...} would have
 * taken; the escape is always a backslash.
 *
 * Errors  ERR_SYNTAX `invalid pattern (P) in substitution: invalid escape '\x'`; ERR_LIMIT when
 *         pattern and value are so long that the match would take noticeable time, or when all
 *         matches together have: '*work' counts the characters that were compared so far. NULL =
 *         nobody counts.
 */
#pragma once

#include "base/buf.h"

/*
 * What is left of 'value' without the shortest or longest match at its beginning (or end). A part
 * of value.
 */
int pattern_trim(Str pattern, Str value, bool at_end, bool longest, size_t *work, Str *ret,
                 Err *err) must_check;

/* Append 'value' with the first match, longest first, or with all matches, replaced by 'with'. */
int pattern_replace(Str pattern, Str value, Str with, bool all, size_t *work, Buf *out, Err *err)
    must_check;
