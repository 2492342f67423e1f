/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/foreign.h - the parts of a container's "/" that belong to the container: its mounts, and
 * what kiln needs.
 *
 * Paths are relative to "/", cleaned, sorted by bytes; none lies below another. Internal to
 * sandbox/.
 */
#pragma once

#include "base/err.h"
#include "base/vec.h"

typedef struct Foreign {
    Arena arena; /* owns the paths */
    StrVec paths;
} Foreign;

/*
 * Every mount point but "/", then proc, sys and dev as a whole, then 'keep' (absolute paths).
 * Replaces what *ret held; whoever has a pointer to ret->paths sees the new list.
 */
int foreign_collect(const StrVec *keep, Foreign *ret, Err *err) must_check;
void foreign_done(Foreign *f);

/* At or below a foreign path: not to be touched. */
bool foreign_covers(const StrVec *foreign, Str path);

/* Strictly above a foreign path: the directory must stay, its other entries need not. */
bool foreign_is_above(const StrVec *foreign, Str path);
