/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/expand.h - quotes, escapes and variables in one word (spec 2.1, 11.4).
 */
#pragma once

#include "base/buf.h"
#include "base/vec.h"

/* Returns true and *ret when the name is set. */
typedef bool ExpandLookup(void *ctx, Str name, Str *ret);

typedef struct Expander {
    char escape; /* '\\' or '`' */
    ExpandLookup *lookup;
    void *ctx;
    bool keep_quotes; /* heredoc bodies: quotes are ordinary, only \$ \\ and \newline escape */
    StrVec
        *unset; /* when not NULL: names used that were not set (borrowed from the word), for lint */
    size_t *work; /* see pattern.h; several expanders may have one */
} Expander;

/*
 * Append the expansion of 'word' to out (bounded by out->max: ERR_LIMIT). ERR_SYNTAX `failed to
 * process "WORD": ...`.
 */
int expand_word(const Expander *x, Str word, Buf *out, Err *err) must_check;

/*
 * Expand, then split at unquoted white space (EXPOSE). The words live in 'a'; 'ret' is appended to.
 */
int expand_words(const Expander *x, Arena *a, Str word, StrVec *ret, Err *err) must_check;
