/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/directive.h - `# key=value` lines at the top of a Dockerfile.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

typedef enum DirectiveKey {
    DIRECTIVE_SYNTAX,
    DIRECTIVE_ESCAPE,
    DIRECTIVE_CHECK,
    DIRECTIVE_COUNT,
} DirectiveKey;

typedef struct Directives {
    bool closed;                /* a line that is no directive was seen */
    Str value[DIRECTIVE_COUNT]; /* borrowed from the lines; p is NULL where there was none */
} Directives;

/*
 * Is 'line' (trimmed at both ends of newlines and leading space) a directive behind 'mark' ("#")? 1
 * when it was and is now in *d, 0 when it is not and the section is closed, -1 with ERR_SYNTAX for
 * a key given twice.
 */
int directives_take(Directives *d, Str mark, Str line, Err *err) must_check;

/* '\\' or '`' as the escape directive says; ERR_SYNTAX for anything else. */
int directives_escape(const Directives *d, char *ret, Err *err) must_check;

/*
 * What a front-end loader would see as the syntax of the file: as above, but a first line "#!..."
 * is passed over, and "// syntax=" comments and a JSON document with a "syntax" member count as
 * well. "" when there is none.
 *   ret_foreign  true when the file is of one of the latter two kinds, and so is no Dockerfile
 */
Str directives_detect_syntax(Str text, bool *ret_foreign);
