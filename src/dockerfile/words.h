/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/words.h - the three ways an instruction's text is cut into words.
 *
 * Ownership  slots of the vectors live in the arena; words are slices of the text wherever they
 *            read the same there.
 */
#pragma once

#include "base/buf.h"
#include "base/vec.h"

/* At white space; quotes mean nothing. */
void words_plain(Arena *a, Str text, StrVec *ret);

/*
 * At white space that is neither quoted nor escaped; quotes and escapes stay. For ENV, LABEL and
 * ARG.
 */
void words_quoted(Arena *a, Str text, char escape, StrVec *ret);

/* A leading "--name" word, as written and without its quotes and escapes. */
typedef struct FlagWord {
    Str raw, text;
} FlagWord;
typedef VEC(FlagWord) FlagWordVec;

/*
 * Leading words that begin with "--", up to the first that does not, or past a bare "--". Returns
 * what follows.
 */
Str words_flags(Arena *a, Str text, char escape, FlagWordVec *ret);
