/* SPDX-License-Identifier: Apache-2.0 */
/* Up to the first NUL a .dockerignore, after it a path; also one file name pattern and a name. */
#include "base/path.h"
#include "demand.h"
#include "dockerfile/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/*
 * An excluded path below a directory that is not descended into cannot be had back. Of a few of the directories only: each
 * is judged by every pattern, and a path that is all slashes would have the time of a thousand inputs.
 */
static void check_path(const Ignore *g, Str path)
{
    bool excluded = ignore_excludes(g, path);
    unsigned left = 8;

    for (size_t i = 1; i < path.n && left > 0; i++) {
        Str dir = str_head(path, i);

        if (path.p[i] != '/')
            continue;
        left--;
        if (ignore_excludes(g, dir) && !ignore_may_reinclude(g, dir))
            demand(excluded);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_with(ignore_free_at) Ignore *g = NULL;
    cleanup_arena Arena a = ARENA_INIT;
    Str text = {(const char *)data, n}, path = S("");
    Err err = {0};

    (void)str_cut(text, '\0', &text, &path);
    (void)glob_match(text, path);
    if (!glob_is_valid(text))
        demand(!glob_match(text, path));
    if (ignore_parse(S(".dockerignore"), text, &g, &err) < 0) {
        demand(err.kind == ERR_SYNTAX || err.kind == ERR_LIMIT);
        return 0;
    }
    path = path_rooted(&a, path);
    if (path.n > 0 && path.n < 4096)
        check_path(g, path);
    return 0;
}
