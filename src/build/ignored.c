/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ignored.h"

#include "base/path.h"
#include "dockerfile/ignore.h"

int ignored_parse(Arena *a, Str text, Str *ret, Err *err)
{
    *ret = path_rooted(a, text);
    if (ret->n == 0)
        return err_set(err, ERR_USAGE,
                       "--ignore-path \"" STR_FMT "\": that is the whole root file system",
                       STR_ARG(text));
    if (!glob_is_valid(*ret))
        return err_set(err, ERR_USAGE, "--ignore-path " STR_FMT ": the pattern is not closed",
                       STR_ARG(text));
    return 0;
}

static bool matches(Str pattern, Str path)
{
    Str want, c;

    while (path_next(&pattern, &want))
        if (!path_next(&path, &c) || !glob_match(want, c))
            return false;
    return true;
}

bool ignored_holds(const StrVec *patterns, Str path)
{
    vec_foreach(p, patterns)
        if (matches(*p, path))
            return true;
    return false;
}
