/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/scope.h - the variables of a stage (spec/dockerfile 2.2, 2.3, 11.7).
 *
 *      base Env, then ENV and ARG in order of appearance, the later wins: that is what words expand
 *      to and RUN sees. The image's config gets the ENVs only.
 *
 * Used twice: the build follows a stage with it, and the linter.
 */
#pragma once

#include "dockerfile/ast.h"
#include "dockerfile/expand.h"
#include "oci/platform.h"

/* What the automatic arguments are made from. */
typedef struct ScopeOpts {
    const KeyValueVec *build_args; /* borrowed for the scopes' life */
    char escape;
    const Platform *build, *target;
    Str target_stage; /* TARGETSTAGE's value */
} ScopeOpts;

typedef struct Scope {
    Arena *arena; /* borrowed: the strings */
    const KeyValueVec *build_args;
    char escape;
    KeyValueVec vars;           /* current values; what is not set is not there */
    StrVec args;                /* names declared by ARG, once each, in order */
    const struct Scope *global; /* ARGs before the first FROM; NULL in the global scope itself */
    size_t *expanded;           /* bytes so far, of all scopes below one global one */
    size_t *work;               /* of patterns, the same */
    StrVec *unset;              /* see expand.h; NULL = nobody wants to know */
} Scope;

/* The automatic platform arguments and nothing else. */
void scope_init_global(Scope *s, Arena *arena, const ScopeOpts *opts);
void scope_init_stage(Scope *s, const Scope *global, Arena *arena, const KeyValueVec *base_env);
/* ARGs and variables of the stage that this one is FROM. */
void scope_inherit(Scope *s, const Scope *from);
/* A copy to go on with for a while; the strings that are there stay the original's. */
void scope_branch(Scope *s, const Scope *from);
void scope_done(Scope *s);

void scope_set(Scope *s, Str key, Str value);
bool scope_declares(const Scope *s, Str name); /* an ARG does, with a value or without */

/*
 * ARG NAME[=default], for one word of the instruction. ret: the resolved value; *ret_set false when
 * it stays unset.
 */
int scope_declare_arg(Scope *s, const Word *w, Str *ret_name, Str *ret_value, bool *ret_set,
                      Err *err) must_check;

/* What scope_expand() expands with, for those who expand themselves; borrows the scope. */
Expander scope_expander(const Scope *s);

/*
 * Expand one word; the result lives in the scope's arena. ERR_LIMIT also when all expansions
 * together become too much: variables may double from line to line.
 */
int scope_expand(const Scope *s, Str word, Str *ret, Err *err) must_check;
/* A heredoc's body: quotes are ordinary characters there. */
int scope_expand_body(const Scope *s, Str body, Str *ret, Err *err) must_check;
int scope_expand_words(const Scope *s, Str word, StrVec *ret, Err *err) must_check;

/* "|2 a=1 b=2 " for the history of a RUN; "" when no ARG is in scope. ERR_LIMIT as above. */
int scope_args_prefix(const Scope *s, Str *ret, Err *err) must_check;

/*
 * "K=V" for a RUN: the variables, the proxies of the command line, PATH and HOME where missing.
 * Strings live in 'a', which is best let go after the RUN: the next one has its own.
 */
void scope_environ(const Scope *s, Arena *a, Str home, StrVec *ret);

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
