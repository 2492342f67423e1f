/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/lint_output.h - the linter's report on standard output: for people, as JSON in the shape of
 * BuildKit's lint result, or as SARIF 2.1.0 for code scanning.
 */
#pragma once

#include "dockerfile/lint.h"

typedef enum LintFormat {
    LINT_TEXT,
    LINT_JSON,
    LINT_SARIF,
} LintFormat;

/* "text", "json", "sarif". ERR_USAGE. */
int lint_format_parse(Str text, LintFormat *ret, Err *err) must_check;

/* 'name' is the Dockerfile's, as the user gave it. */
void lint_print(LintFormat format, Str name, const LintReport *r);

/* The file could not be checked. Nothing in text form: the error is reported as any other is. */
void lint_print_failure(LintFormat format, Str name, const Err *err);
