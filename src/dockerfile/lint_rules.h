/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/lint_rules.h - what the groups of rules share. Internal to the linter.
 */
#pragma once

#include "dockerfile/lint.h"
#include "dockerfile/scope.h"

typedef struct LintedStage LintedStage;
struct LintedStage {
    const Instr *from;
    size_t begin, end; /* its instructions in d->instrs, FROM not included */
    Str name;          /* lower case; "" = none */
    const LintStage *known;
    const LintedStage *base; /* FROM an earlier stage, or NULL */
    bool scratch;
    /* after its last instruction */
    Scope scope;
    bool env_known;    /* a name that is not in scope is not set */
    bool shell_set;    /* SHELL, here or below */
    bool workdir_set;  /* some WORKDIR, here or in a stage of the file below */
    bool has_triggers; /* ONBUILD ARG or ENV: stages from it know less */
};

typedef struct Lint {
    const LintInput *in;
    Arena *arena;  /* of the report */
    Arena scratch; /* as long as the linter runs */
    Arena words;   /* expanded ones; until the next instruction */
    LintReport *report;
    LintCheck check;
    Scope global;    /* ARGs before the first FROM ... */
    Scope defaults;  /* ... and as they are when the command line gives none */
    StrVec unset;    /* names that the word just expanded used and nobody set */
    size_t compared; /* names that suggestions were looked for among, so far */
    VEC(LintedStage) stages;
} Lint;

/*
 * A finding, unless it is to be skipped.
 *   at  what it is about, within the instruction; {0} = its keyword
 */
void lint_add(Lint *l, LintRule rule, const Instr *i, Str at, const char *fmt, ...)
    printf_like(5, 6);

/*
 * The result lives until the next instruction; l->unset until the next call. False when the word is
 * malformed.
 */
bool lint_expand(Lint *l, Scope *s, Str word, Str *ret);

/* " (did you mean X?)" out of the names in scope, or "". */
Str lint_suggest(Lint *l, const Scope *s, Str name);

/* The groups. */
void lint_spelling(Lint *l);
void lint_from(Lint *l);
void lint_stages(Lint *l);
/* UndefinedVar, for one instruction before it takes effect. */
void lint_variables(Lint *l, LintedStage *s, const Instr *i);
