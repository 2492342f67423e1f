/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/ast.h - what a Dockerfile says, instruction by instruction, with positions.
 *
 * The lexical layer is done (directives, continuation, comments, heredocs, JSON forms, flags
 * split); words are NOT expanded: that needs the stage's environment and is done with
 * dockerfile/expand.h by build/. Wherever a word was not changed by quoting or joining, its Str
 * points into Instr.original, which makes carets exact.
 *
 * Ownership  everything lives in the Dockerfile's arena.
 * Reference  the Dockerfile reference; BuildKit's frontend decides where that is silent.
 */
#pragma once

#include "base/err.h"
#include "base/vec.h"

typedef enum InstrKind {
    INSTR_ADD,
    INSTR_ARG,
    INSTR_CMD,
    INSTR_COPY,
    INSTR_ENTRYPOINT,
    INSTR_ENV,
    INSTR_EXPOSE,
    INSTR_FROM,
    INSTR_HEALTHCHECK,
    INSTR_LABEL,
    INSTR_MAINTAINER,
    INSTR_ONBUILD,
    INSTR_RUN,
    INSTR_SHELL,
    INSTR_STOPSIGNAL,
    INSTR_USER,
    INSTR_VOLUME,
    INSTR_WORKDIR,
    INSTR_COUNT,
} InstrKind;

typedef struct Flag {
    Str name;       /* "chown", without dashes, as written */
    Str value;      /* quotes and escapes removed; "" when there is no '=' */
    bool has_value; /* an '=' was there */
} Flag;

typedef struct Word {
    Str name, value; /* ARG/ENV/LABEL pairs; unexpanded, quotes kept */
    bool has_value;  /* ARG X has none */
} Word;

typedef struct Heredoc {
    Str name;    /* quotes removed */
    Str body;    /* verbatim, tabs already stripped for <<- */
    bool expand; /* no quote in the name */
    bool strip_tabs;
    Str fd;  /* digits before <<, or "" */
    Str raw; /* the body as it stands in the file, tabs included */
} Heredoc;

/* The text that instructions were read from: the Dockerfile, or one ONBUILD trigger. */
typedef struct InstrSource {
    Str name;    /* for messages */
    Str text;    /* all of it */
    char escape; /* what its words are to be expanded with */
} InstrSource;

/*
 * A run of a logical line and where it stands in the file: what error.c finds the caret's place
 * with.
 */
typedef struct LinePiece {
    Str text;        /* within Instr.original (or around it: blanks trimmed there are still here) */
    const char *src; /* the same bytes within InstrSource.text */
} LinePiece;
typedef VEC(LinePiece) LinePieceVec;

typedef struct Instr {
    InstrKind kind;
    const InstrSource *source;
    Str keyword;             /* as written: "copy" */
    unsigned line, line_end; /* first and last physical line, 1-based */
    Str original;            /* the logical line: continuations joined, comments dropped, trimmed */
    Str rest;                /* 'original' after the keyword and the flags */
    /* checked against the instruction's table: known names, values where needed, no duplicates */
    VEC(Flag) flags;
    /* RUN CMD ENTRYPOINT SHELL ADD COPY VOLUME HEALTHCHECK-CMD: it was a JSON list */
    bool exec_form;
    /*
     * Exec form: the strings. Word forms (FROM EXPOSE ADD COPY VOLUME): the words. Shell form and
     * one-string forms: one element, the text. HEALTHCHECK: args of the CMD. ONBUILD: one element,
     * the text of the trigger, heredocs and their terminators included.
     */
    StrVec args;
    VEC(Word) pairs;  /* ARG ENV LABEL */
    bool legacy_pair; /* ENV/LABEL in the form KEY rest */
    Str health_type;  /* HEALTHCHECK: "CMD" or "NONE" */
    VEC(Heredoc) heredocs;
    StrVec comments;     /* the comment lines right above, without '#', trimmed */
    unsigned blank_line; /* the first blank line inside the continuation, for lint; 0 = none */
    LinePieceVec pieces;
} Instr;

typedef struct Dockerfile {
    Arena arena;
    Str name;          /* for messages: the path as the user gave it */
    Str text;          /* the whole file */
    char escape;       /* '\\' or '`'; that of one instruction is in its source */
    Str syntax, check; /* directives, "" when absent */
    VEC(Instr) instrs; /* dockerfile_parse_trigger() appends, which moves them */
} Dockerfile;

void dockerfile_done(Dockerfile *d);
#define cleanup_dockerfile cleanup_with(dockerfile_done)

const char *instr_name(InstrKind k); /* "COPY" */

/* A flag's value, or NULL when the flag was not given; the first one of a repeatable flag. */
const Flag *instr_flag(const Instr *i, const char *name);
/* Was the boolean flag given, and not as --name=false? */
bool instr_flag_is_on(const Instr *i, const char *name);

/*
 * The heredoc that a word of ADD, COPY or RUN stands for ("<<EOF", "3<<-'x y'"), or NULL when it is
 * an ordinary word. A RUN is one heredoc and nothing else when its text, args.v[0], is such a word.
 */
const Heredoc *instr_heredoc(const Instr *i, Str word);
