/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/lint.h - what is legal in a Dockerfile and still unwise: BuildKit's rules, by their
 * names (spec/dockerfile 9), and the check= directive that controls them (1.2).
 *
 * Pure: from the parsed file, the build arguments, the .dockerignore, and what the caller happens
 * to know about base images. What a rule cannot know, it keeps quiet about: a variable is undefined
 * only where the environment of the base is known.
 *
 * Ownership  a report borrows from the Dockerfile, which must outlive it, and from nothing else.
 * Errors     ERR_SYNTAX for a malformed check option, with its line when it stands in the file.
 */
#pragma once

#include "dockerfile/ignore.h"
#include "dockerfile/place.h"
#include "oci/platform.h"

typedef enum LintRule {
    LINT_STAGE_NAME_CASING,
    LINT_FROM_AS_CASING,
    LINT_NO_EMPTY_CONTINUATION,
    LINT_CONSISTENT_INSTRUCTION_CASING,
    LINT_DUPLICATE_STAGE_NAME,
    LINT_RESERVED_STAGE_NAME,
    LINT_JSON_ARGS_RECOMMENDED,
    LINT_MAINTAINER_DEPRECATED,
    LINT_UNDEFINED_ARG_IN_FROM,
    LINT_UNDEFINED_VAR,
    LINT_WORKDIR_RELATIVE_PATH,
    LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED,
    LINT_LEGACY_KEY_VALUE_FORMAT,
    LINT_INVALID_BASE_IMAGE_PLATFORM,
    LINT_REDUNDANT_TARGET_PLATFORM,
    LINT_SECRETS_USED_IN_ARG_OR_ENV,
    LINT_INVALID_DEFAULT_ARG_IN_FROM,
    LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED,
    LINT_COPY_IGNORED_FILE,
    LINT_INVALID_DEFINITION_DESCRIPTION,
    LINT_EXPOSE_PROTO_CASING,
    LINT_EXPOSE_INVALID_FORMAT,
    LINT_RULE_COUNT,
} LintRule;

typedef struct LintRuleInfo {
    const char *name;
    const char *text;   /* what it asks for */
    const char *remedy; /* one line */
    bool experimental;  /* only when asked for */
} LintRuleInfo;

const LintRuleInfo *lint_rule(LintRule r);

/* The value of a check= directive: "skip=A,B;error=true;experimental=all". */
typedef struct LintCheck {
    bool skip_all, experimental_all;
    bool error;                /* findings fail the build */
    StrVec skip, experimental; /* slices of the text; slots in the arena */
} LintCheck;

/* ERR_SYNTAX "invalid check option "X"". Rule names are not checked: newer ones may be meant. */
int lint_check_parse(Arena *a, Str text, LintCheck *ret, Err *err) must_check;

/* What is known about a stage beyond the file. */
typedef struct LintStage {
    bool left_out; /* it is not going to be built: what follows its instructions is not run */
    const char
        *image; /* the rest describes this image, which it is FROM; NULL = nothing is known */
    const KeyValueVec *env;
    bool has_shell;              /* the image sets SHELL */
    bool has_triggers;           /* ONBUILD: they may set variables */
    const Platform *is, *wanted; /* what the image is for, and what it should be for */
} LintStage;

typedef struct LintInput {
    const Dockerfile *d;
    const KeyValueVec *build_args;
    const Platform *build, *target;
    const Ignore *ignore;    /* NULL = none */
    const LintStage *stages; /* by the order of FROM, one for each; NULL = nothing is known */
} LintInput;

typedef struct LintFinding {
    LintRule rule;
    Str text;
    const Instr *instr;
    unsigned line;     /* the instruction's, or the one in it that the rule is about */
    SourcePlace place; /* of the words in question */
} LintFinding;

typedef struct LintReport {
    Arena arena;
    VEC(LintFinding) findings; /* in the order of the file; slots in the arena */
    bool error;                /* the file asks for failure when there are any */
} LintReport;

int lint_run(const LintInput *in, LintReport *ret, Err *err) must_check;
void lint_report_done(LintReport *r);
#define cleanup_lint_report cleanup_with(lint_report_done)

/*
 * ERR_USAGE "NAME: lint violation found for rules: A, B" when the file asks for it and there are
 * findings; else 0.
 */
int lint_verdict(const LintReport *r, const Dockerfile *d, Err *err) must_check;

/* "RULE: text (line N)", without a newline; harmless for a terminal. */
void lint_add_message(const LintFinding *f, Buf *out);
