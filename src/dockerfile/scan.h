/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/scan.h - the recursive descent over quotes, escapes and variables that expand.c and
 * heredoc.c share. Internal to dockerfile/.
 */
#pragma once

#include "dockerfile/expand.h"

/* Collects words between white space that is neither quoted nor escaped. Never an empty one. */
typedef struct WordSplit {
    Arena *arena;
    StrVec *ret; /* words live in the arena */
    Buf word;
    bool in_arena; /* slots of ret too; else it is a heap vector */
} WordSplit;

typedef struct Scan {
    const Expander *x;
    Str rest;         /* what is left of the word */
    bool raw_quotes;  /* quotes stay in the result */
    bool raw_escapes; /* so do escape characters */
    bool keep_unset;  /* "$X" stays when X is not set */
    bool heredocs;    /* blanks after "<<" belong to the word */
    unsigned depth;
} Scan;

/* Append the whole word to out; 'split' may be NULL. Errors are bare: no "failed to process". */
int scan_word(Scan *s, Buf *out, WordSplit *split, Err *err) must_check;
