/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

Str path_clean(Arena *a, Str path)
{
    bool rooted = path.n && path.p[0] == '/';
    char *out = arena_new_n(a, char, path.n + 2);
    size_t n = 0, floor; /* below floor nothing may be taken back: "/" or leading ".." */
    Str rest = path, c;

    if (rooted)
        out[n++] = '/';
    floor = n;
    while (path_next(&rest, &c)) {
        if (str_eq(c, S(".")))
            continue;
        if (str_eq(c, S(".."))) {
            if (n > floor) {
                while (n > floor && out[n - 1] != '/')
                    n--;
                if (n > floor)
                    n--; /* the separator */
                continue;
            }
            if (rooted)
                continue;
        }
        if (n && out[n - 1] != '/')
            out[n++] = '/';
        memcpy(out + n, c.p, c.n);
        n += c.n;
        if (str_eq(c, S("..")))
            floor = n;
    }
    if (n == 0)
        out[n++] = '.';
    out[n] = '\0';
    return (Str){out, n};
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
