/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/wildpath.h - one pattern of .dockerignore, compiled. Internal to dockerfile/.
 *
 * '*' and '?' stay within a component, "**" does not; a pattern that matches a directory matches
 * all below it.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

enum {
    WILDPATH_MAX = 4095, /* bytes of one pattern: none longer could match a path */
};

typedef struct WildPath WildPath;

/* A hash of the pairs of adjacent bytes in a text: what holds a part also has the part's bits. */
uint64_t wildpath_trace(Str text);

/*
 * 'pattern' is cleaned. ERR_SYNTAX "syntax error in pattern", ERR_LIMIT. Lives as long as the
 * arena.
 */
int wildpath_compile(Arena *a, Str pattern, const WildPath **ret, Err *err) must_check;

/* Does it match 'path' or a directory above it? 'trace' is that of the path. */
bool wildpath_matches(const WildPath *w, Str path, uint64_t trace);

/* Could it match something below 'dir' that it does not match by matching dir? */
bool wildpath_may_match_below(const WildPath *w, Str dir);
