/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container has a dozen mounts, so the list is short and simply searched.
 */
#include "sandbox/foreign.h"

#include <stdlib.h>

#include "base/path.h"
#include "os/mountinfo.h"

static int compare(const void *a, const void *b)
{
    return str_cmp(*(const Str *)a, *(const Str *)b);
}

/* Sorted, a path comes after those that it lies below, though not always right behind them ("a", "a-b", "a/b"). */
static void reduce(StrVec *paths)
{
    size_t n = 0;

    if (paths->n > 1)
        qsort(paths->v, paths->n, sizeof(*paths->v), compare);
    for (size_t i = 0; i < paths->n; i++) {
        Str p = paths->v[i];

        /* the kept ones are the first n */
        if (p.n > 0 && !foreign_covers(&(StrVec){.v = paths->v, .n = n}, p))
            paths->v[n++] = p;
    }
    paths->n = n;
}

int foreign_collect(const StrVec *keep, Foreign *ret, Err *err)
{
    cleanup_mount_table MountTable table = {0};
    Foreign f = {.arena = ARENA_INIT};

    TRY(mountinfo_read(&table, err));
    vec_foreach(m, &table.mounts)
        vec_push(&f.paths, str_dup_in(&f.arena, path_rooted(&f.arena, m->point)));
    vec_push(&f.paths, S("proc"));
    vec_push(&f.paths, S("sys"));
    vec_push(&f.paths, S("dev"));
    for (size_t i = 0; keep && i < keep->n; i++)
        vec_push(&f.paths, path_rooted(&f.arena, keep->v[i]));
    reduce(&f.paths);
    foreign_done(ret);
    *ret = f;
    return 0;
}

void foreign_done(Foreign *f)
{
    vec_done(&f->paths);
    arena_done(&f->arena);
}

bool foreign_covers(const StrVec *foreign, Str path)
{
    for (size_t i = 0; i < foreign->n; i++)
        if (path_within(path, foreign->v[i]))
            return true;
    return false;
}

bool foreign_is_above(const StrVec *foreign, Str path)
{
    for (size_t i = 0; i < foreign->n; i++)
        if (foreign->v[i].n > path.n && path_within(foreign->v[i], path))
            return true;
    return false;
}
