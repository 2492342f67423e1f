/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/ini.h"

#include "base/limits.h"

static IniSection *section_add(Ini *ini, Str name)
{
    IniSection s = {.name = str_dup_in(&ini->arena, name)};

    vec_foreach(it, &ini->sections)
        if (str_eq(it->name, name))
            return it;
    vec_push(&ini->sections, s);
    return &ini->sections.v[ini->sections.n - 1];
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* " # so" and " ; so" at the end of a value. */
static Str without_comment(Str value)
{
    for (size_t i = 1; i < value.n; i++)
        if ((value.p[i] == '#' || value.p[i] == ';') && is_blank(value.p[i - 1]))
            return str_trim(str_head(value, i));
    return value;
}

/* What stands between the brackets; other kinds ("sso-session x") keep their whole name. */
static bool section_name(Str line, Str *ret)
{
    Str name, rest;

    if (!str_cut(str_skip(line, 1), ']', &name, &rest))
        return false;
    name = str_trim(name);
    if (str_starts(name, S("profile ")) || str_starts(name, S("profile\t")))
        name = str_trim(str_skip(name, 8));
    *ret = name;
    return true;
}

static void value_set(Ini *ini, IniSection *s, Str key, Str value)
{
    KeyValue kv = {str_lower_in(&ini->arena, str_trim(key)),
                   str_dup_in(&ini->arena, without_comment(str_trim(value)))};

    vec_foreach(it, &s->values) {
        if (str_eq(it->key, kv.key)) {
            it->value = kv.value;
            return;
        }
    }
    vec_push(&s->values, kv);
}

static int add_line(Ini *ini, Str line, IniSection **current, Err *err)
{
    bool indented = line.n && is_blank(line.p[0]);
    Str key, value, name;

    line = str_trim(line);
    if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
        return 0;
    if (line.p[0] == '[') {
        if (!section_name(line, &name))
            return err_set(err, ERR_FORMAT, "\"[\" without \"]\"");
        *current = section_add(ini, name);
        return 0;
    }
    if (indented && *current && (*current)->values.n)
        return 0; /* belongs to the value before: nothing in there is for us */
    if (!str_cut(line, '=', &key, &value))
        return err_set(err, ERR_FORMAT, "neither [SECTION] nor KEY = VALUE");
    if (!*current)
        return err_set(err, ERR_FORMAT, "a value before the first [SECTION]");
    value_set(ini, *current, key, value);
    return 0;
}

int ini_parse(Str text, const char *file, Ini *ret, Err *err)
{
    IniSection *current = NULL;
    unsigned no = 0;

    if (text.n == 0)
        return 0;
    for (Str rest = text, line; str_next(&rest, '\n', &line);) {
        no++;
        if (add_line(ret, line, &current, err) < 0)
            return err_wrap(err, "%s:%u", file, no);
        if (ret->sections.n > LIMIT_VARIABLES || (current && current->values.n > LIMIT_VARIABLES))
            return err_set(err, ERR_LIMIT, "%s has more than %u entries", file, LIMIT_VARIABLES);
    }
    return 0;
}

void ini_done(Ini *ini)
{
    vec_foreach(s, &ini->sections)
        vec_done(&s->values);
    vec_done(&ini->sections);
    arena_done(&ini->arena);
}

const IniSection *ini_section(const Ini *ini, Str name)
{
    vec_foreach(s, &ini->sections)
        if (str_eq(s->name, name))
            return s;
    return NULL;
}

Str ini_value(const IniSection *s, const char *key)
{
    if (s)
        vec_foreach(kv, &s->values)
            if (str_eq(kv->key, str_from(key)))
                return kv->value;
    return S("");
}
