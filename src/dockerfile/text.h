/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/text.h - characters as the Dockerfile language sees them: bytes decoded as UTF-8,
 * white space and letters as Unicode has them. A byte that is part of no well-formed character
 * counts as a character of its own.
 */
#pragma once

#include "base/buf.h"
#include "base/vec.h"

/* Bytes of the character that s begins with; 0 only when s is empty. */
size_t text_char(Str s);

/* Bytes of the white-space character that s begins with; 0 when it begins with something else. */
size_t text_space(Str s);
Str text_trim_left(Str s);
Str text_trim(Str s);
Str text_trim_newline(Str s); /* every \r and \n at the end */

/* May the character stand in a variable's name? Letters and '_'; digits. */
bool text_is_letter(Str ch);
bool text_is_digit(Str ch);

/* Separators between plain words: tab, vertical tab, form feed, return and blank; not Unicode's. */
bool text_is_blank(char c);
/* The part before the first run of them, and the part after it ("" when there is none). */
Str text_first_word(Str s, Str *ret_rest);

/* s in double quotes, special characters escaped as Go's %q does it. */
void text_add_quoted(Buf *b, Str s);
/* The same, shortened when long: for messages. */
Str text_quote(Arena *a, Str s);
/* s, shortened when long: for messages. */
Str text_clip(Arena *a, Str s);

/*
 * " (did you mean X?)" when one or two edits, and fewer than it has letters, lead from 'word' to
 * the nearest of 'known'; else "".
 *   any_case  compare without regard to case, and answer in the case of 'word'
 */
Str text_suggest(Arena *a, Str word, const char *const *known, size_t n, bool any_case);

/*
 * Append to a vector whose slots live in an arena (outgrown slots stay there until the arena goes).
 */
#define vec_push_in(arena, vec, item)                                            \
    do {                                                                         \
        __typeof__(vec) in_ = (vec);                                             \
        if (in_->n == in_->cap) {                                                \
            size_t cap_ = in_->cap ? in_->cap * 2 : 4;                           \
            __typeof__(in_->v) v_ = arena_alloc((arena), cap_, sizeof(*in_->v)); \
            if (in_->n)                                                          \
                memcpy(v_, in_->v, in_->n * sizeof(*in_->v));                    \
            in_->v = v_;                                                         \
            in_->cap = cap_;                                                     \
        }                                                                        \
        in_->v[in_->n++] = (item);                                               \
    } while (0)
