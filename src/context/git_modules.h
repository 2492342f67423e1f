/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context/git_modules.h - .gitmodules: which repositories stand at which paths (gitmodules,
 * git-config). What else the file says is passed over.
 *
 * Ownership  strings live as long as the arena.
 */
#pragma once

#include "base/err.h"
#include "base/vec.h"

typedef struct GitModule {
    Str name, path, url; /* "" = not said */
} GitModule;
typedef VEC(GitModule) GitModules;

int git_modules_parse(Arena *a, Str text, GitModules *ret, Err *err) must_check;
const GitModule *git_modules_find(const GitModules *m, Str path); /* NULL = none */
