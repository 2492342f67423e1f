/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/instr.h - the table of instructions that drives the parser: form, argument count,
 * flags.
 *
 * Adding a flag is adding an entry to a row. Whether a flag is implemented is not said here but by
 * build/.
 */
#pragma once

#include "dockerfile/ast.h"

/* What the text after the flags is (see Instr for where the parts go). */
typedef enum InstrForm {
    FORM_COMMAND, /* a JSON list of strings, or one string */
    FORM_PATHS,   /* a JSON list of strings, or words      */
    FORM_WORDS,
    FORM_STRING,
    FORM_PAIRS,   /* NAME=VALUE..., or NAME VALUE */
    FORM_NAMES,   /* NAME[=VALUE]... */
    FORM_TRIGGER, /* another instruction */
    FORM_HEALTH,  /* NONE, or CMD and a command */
} InstrForm;

typedef enum InstrCount {
    COUNT_ANY,
    COUNT_SOME,    /* one or more */
    COUNT_ONE,     /* exactly one */
    COUNT_SOURCES, /* sources and a destination */
    COUNT_FROM,    /* IMAGE, or IMAGE AS NAME */
} InstrCount;

typedef enum FlagKind {
    FLAG_STRING,
    FLAG_STRINGS, /* may be repeated */
    FLAG_BOOL,
} FlagKind;

enum {
    FLAGS_MAX = 8,
};

typedef struct InstrSpec {
    const char *name;
    InstrForm form;
    InstrCount count;
    bool heredocs;    /* its text may announce them */
    bool drops_flags; /* flags are neither checked nor kept */
    struct {
        const char *name; /* NULL ends the list */
        FlagKind kind;
    } flags[FLAGS_MAX];
} InstrSpec;

const InstrSpec *instr_spec(InstrKind k);

/* In any case; NULL when there is no such instruction. */
const InstrSpec *instr_find(Str keyword, InstrKind *ret);

/* " (did you mean RUN?)" or "". */
Str instr_suggest(Arena *a, Str keyword);
