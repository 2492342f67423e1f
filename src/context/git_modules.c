/* SPDX-License-Identifier: Apache-2.0 */
#include "context/git_modules.h"

#include "base/buf.h"
#include "base/limits.h"

/* [submodule "NAME"], with \" and \\ in the name; false for another section. */
static bool parse_section(Arena *a, Str line, Str *ret_name)
{
    cleanup_buf Buf name = BUF_INIT(BUF_SMALL);
    Str head = S("[submodule \"");

    if (!str_eq_nocase(str_head(line, line.n < head.n ? line.n : head.n), head))
        return false;
    line = str_skip(line, head.n);
    while (line.n && line.p[0] != '"') {
        if (line.p[0] == '\\' && line.n > 1)
            line = str_skip(line, 1);
        buf_add_char(&name, line.p[0]);
        line = str_skip(line, 1);
    }
    *ret_name = str_dup_in(a, buf_str(&name));
    return true;
}

/* Quotes and escapes are taken away, and a comment behind it. */
static Str parse_value(Arena *a, Str text)
{
    cleanup_buf Buf value = BUF_INIT(BUF_SMALL);
    bool quoted = false;
    size_t keep = 0; /* trailing blanks count inside quotes only */

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (c == '"') {
            quoted = !quoted;
            continue;
        }
        if (!quoted && (c == '#' || c == ';'))
            break;
        if (c == '\\' && i + 1 < text.n)
            c = text.p[++i];
        buf_add_char(&value, c);
        if (quoted || (c != ' ' && c != '\t'))
            keep = value.n;
    }
    return str_dup_in(a, str_head(buf_str(&value), keep));
}

int git_modules_parse(Arena *a, Str text, GitModules *ret, Err *err)
{
    bool inside = false;

    for (Str rest = text, line; str_next(&rest, '\n', &line);) {
        Str key, value;
        GitModule m = {.path = S(""), .url = S("")};

        line = str_trim(line);
        if (line.n && line.p[0] == '[') {
            inside = parse_section(a, line, &m.name);
            if (inside && ret->n >= LIMIT_GIT_SUBMODULES)
                return err_set(err, ERR_LIMIT, ".gitmodules names more than %u submodules",
                               LIMIT_GIT_SUBMODULES);
            if (inside)
                vec_push(ret, m);
            continue;
        }
        if (!inside || !str_cut(line, '=', &key, &value))
            continue;
        key = str_trim(key);
        if (str_eq_nocase(key, S("path")))
            ret->v[ret->n - 1].path = parse_value(a, str_trim(value));
        else if (str_eq_nocase(key, S("url")))
            ret->v[ret->n - 1].url = parse_value(a, str_trim(value));
    }
    return 0;
}

const GitModule *git_modules_find(const GitModules *m, Str path)
{
    vec_foreach(x, m)
        if (str_eq(x->path, path))
            return x;
    return NULL;
}
