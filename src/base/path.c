/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

/*
 * A path being put together; nothing before 'floor' is taken back: the '/' of a rooted path,
 * leading "..".
 */
typedef struct Clean {
    char *p;
    size_t n, floor;
} Clean;

static void add_component(Clean *out, Str c)
{
    if (out->n && out->p[out->n - 1] != '/')
        out->p[out->n++] = '/';
    memcpy(out->p + out->n, c.p, c.n);
    out->n += c.n;
}

/* False when there is none to take. */
static bool drop_component(Clean *out)
{
    if (out->n == out->floor)
        return false;
    while (out->n > out->floor && out->p[out->n - 1] != '/')
        out->n--;
    if (out->n > out->floor)
        out->n--; /* the separator */
    return true;
}

Str path_clean(Arena *a, Str path)
{
    bool rooted = path.n && path.p[0] == '/';
    Clean out = {arena_new_n(a, char, path.n + 2), rooted, rooted};
    Str rest = path, c;

    if (rooted)
        out.p[0] = '/';
    while (path_next(&rest, &c)) {
        bool up = str_eq(c, S(".."));

        if (str_eq(c, S(".")) || (up && (drop_component(&out) || rooted)))
            continue;
        add_component(&out, c);
        if (up)
            out.floor = out.n;
    }
    if (out.n == 0)
        out.p[out.n++] = '.';
    out.p[out.n] = '\0';
    return (Str){out.p, out.n};
}

Str path_rooted(Arena *a, Str path)
{
    char *z = arena_new_n(a, char, path.n + 2);

    z[0] = '/';
    if (path.n)
        memcpy(z + 1, path.p, path.n);
    return str_skip(path_clean(a, (Str){z, path.n + 1}), 1);
}

Str path_join(Arena *a, Str dir, Str rel)
{
    if (rel.n && rel.p[0] == '/')
        return path_clean(a, rel);
    if (dir.n == 0)
        return path_clean(a, rel);
    return path_clean(a, str_fmt_in(a, STR_FMT "/" STR_FMT, STR_ARG(dir), STR_ARG(rel)));
}

static Str trim_slashes(Str p)
{
    while (p.n > 1 && p.p[p.n - 1] == '/')
        p.n--;
    return p;
}

Str path_base(Str path)
{
    Str head, tail;

    if (path.n == 0)
        return S(".");
    path = trim_slashes(path);
    if (str_eq(path, S("/")))
        return path;
    return str_cut_last(path, '/', &head, &tail) ? tail : path;
}

Str path_dir(Str path)
{
    Str head, tail;

    path = trim_slashes(path);
    if (!str_cut_last(path, '/', &head, &tail))
        return S("");
    if (head.n == 0)
        return S("/");
    return trim_slashes(head);
}

bool path_next(Str *rest, Str *ret_component)
{
    size_t i = 0, start;

    while (i < rest->n && rest->p[i] == '/')
        i++;
    start = i;
    while (i < rest->n && rest->p[i] != '/')
        i++;
    if (i == start)
        return false;
    *ret_component = (Str){rest->p + start, i - start};
    *rest = str_skip(*rest, i);
    return true;
}

bool path_within(Str p, Str dir)
{
    if (dir.n == 0)
        return true;
    return str_starts(p, dir) && (p.n == dir.n || p.p[dir.n] == '/');
}
