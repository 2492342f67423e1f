/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/path.h - paths as text: no file system is asked. Go's path.Clean is the model, because the
 * Dockerfile language and the tar conventions of images are defined by it.
 */
#pragma once

#include "base/buf.h"

/* "a//b/./c/../d" -> "a/b/d"; "" -> "."; "/.." -> "/". Lives as long as the arena. */
Str path_clean(Arena *a, Str path) must_check;

/*
 * The path inside a root: cleaned as if it began with '/', without that '/', so that it can never
 * leave. "" is the root itself. Lives as long as the arena.
 */
Str path_rooted(Arena *a, Str path) must_check;

/* a joined with b by '/', then cleaned; an absolute b replaces a. */
Str path_join(Arena *a, Str dir, Str rel) must_check;

/* After the last '/', trailing ones ignored; "/" for the root, "." for "". */
Str path_base(Str path);
Str path_dir(Str path); /* before the last '/'; "" when there is none */

/* Next component, empty ones skipped:  for (Str rest = p, c; path_next(&rest, &c);) */
bool path_next(Str *rest, Str *ret_component);

/*
 * p is dir itself or lies below it. Both cleaned, without a leading '/'; dir "" holds everything.
 */
bool path_within(Str p, Str dir);
