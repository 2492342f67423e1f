/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/ignore.h - .dockerignore, --exclude and --parents patterns (spec 5.5, 11.5).
 */
#pragma once

#include "base/buf.h"

typedef struct Ignore Ignore; /* compiled patterns; immutable, usable from several threads */

/* The text of a .dockerignore file ('name' for messages). ERR_SYNTAX with the line. */
int ignore_parse(Str name, Str text, Ignore **ret, Err *err) must_check;

/* Patterns given one by one (--exclude). */
int ignore_from_patterns(const Str *patterns, size_t n, Ignore **ret, Err *err) must_check;
void ignore_free(Ignore *g);
CLEANUP_DEFINE(Ignore, ignore_free);

bool ignore_is_empty(const Ignore *g); /* NULL allowed */
bool ignore_has_exceptions(const Ignore *g);

/*
 * Is 'path' (cleaned, relative, no leading '/') excluded? The whole path is judged, parents
 * included, so the call needs no state; NULL excludes nothing.
 */
bool ignore_excludes(const Ignore *g, Str path);

/* Must an excluded directory be read, because an exception could match something below it? */
bool ignore_may_reinclude(const Ignore *g, Str dir);

/*
 * One Go filepath.Match on one component ('*' and '?' and classes, '\' escapes). A malformed class
 * matches nothing.
 */
bool glob_match(Str pattern, Str name);
bool glob_has_wildcard(Str pattern); /* any of * ? [ or an escape */
bool glob_is_valid(Str pattern);     /* all classes closed, all escapes followed by something */
