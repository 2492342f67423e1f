/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/lex.h - physical lines -> logical lines: directives, comments, continuations, heredoc
 * bodies.
 *
 * Ownership  lines borrow from the source's text; joined ones live in the arena.
 * Errors     ERR_SYNTAX, ERR_LIMIT with a bare message; lexer.at then says where in the text.
 */
#pragma once

#include "dockerfile/ast.h"
#include "dockerfile/directive.h"

typedef struct Lexer {
    Arena *arena;
    Str text;      /* what is left */
    unsigned line; /* physical lines read */
    char escape;
    Directives directives;
    StrVec comments; /* that stand above the next instruction */
    Str at;          /* the physical line that an error is about */
} Lexer;

typedef struct LogicalLine {
    Str text; /* continuations joined; not trimmed at the end */
    LinePieceVec pieces;
    StrVec comments;
    unsigned line; /* where it begins; it ends at lexer.line */
    unsigned blank_line;
} LogicalLine;

Lexer lexer_start(Arena *a, Str text);

/* 1 with the next instruction line, 0 at the end. */
int lexer_next(Lexer *l, LogicalLine *ret, Err *err) must_check;

/* The lines up to the terminator, which is read too. ERR_SYNTAX "unterminated heredoc". */
int lexer_read_heredoc(Lexer *l, Heredoc *h, Err *err) must_check;
