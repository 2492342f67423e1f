/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directives look like comments, so everything hangs on where they stand: from the first line on, without a gap. The
 * first line that is not one closes the section for good, and what looks like a directive after it is a comment.
 */
#include "dockerfile/directive.h"

#include "dockerfile/text.h"

static const char *const keys[DIRECTIVE_COUNT] = {"syntax", "escape", "check"};

static bool is_word_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (!first && c >= '0' && c <= '9');
}

/* KEY = VALUE with a value that is not empty. */
static bool split_key(Str s, Str *ret_key, Str *ret_value)
{
    size_t n = 0;
    Str rest;

    while (n < s.n && is_word_char(s.p[n], n == 0))
        n++;
    rest = str_trim(str_skip(s, n));
    if (n == 0 || rest.n < 2 || rest.p[0] != '=')
        return false;
    *ret_key = str_head(s, n);
    *ret_value = str_trim(str_skip(rest, 1));
    return true;
}

int directives_take(Directives *d, Str mark, Str line, Err *err)
{
    Str key, value;

    if (d->closed)
        return 0;
    d->closed = true;
    if (!str_starts(line, mark) || !split_key(text_trim_left(str_skip(line, mark.n)), &key, &value))
        return 0;
    for (size_t i = 0; i < DIRECTIVE_COUNT; i++) {
        if (!str_eq_nocase(key, str_from(keys[i])))
            continue;
        if (d->value[i].p)
            return err_set(err, ERR_SYNTAX, "only one %s parser directive can be used", keys[i]);
        d->value[i] = value;
        d->closed = false;
        return 1;
    }
    return 0;
}

int directives_escape(const Directives *d, char *ret, Err *err)
{
    Str v = d->value[DIRECTIVE_ESCAPE];

    if (v.p && !str_eq(v, S("\\")) && !str_eq(v, S("`")))
        return err_set(err, ERR_SYNTAX, "invalid escape token '" STR_FMT "' does not match ` or \\",
                       STR_ARG(str_head(v, v.n < 40 ? v.n : 40)));
    *ret = v.p ? v.p[0] : '\\';
    return 0;
}

static Str first_line(Str *text)
{
    Str line, rest;

    if (!str_cut(*text, '\n', &line, &rest)) {
        line = *text;
        rest = (Str){NULL, 0};
    }
    *text = rest;
    return text_trim_left(text_trim_newline(line));
}

static Str detect_behind(Str mark, Str text)
{
    Directives d = {0};
    Err err;

    while (text.n && directives_take(&d, mark, first_line(&text), &err) > 0)
        ;
    return d.value[DIRECTIVE_SYNTAX].p ? d.value[DIRECTIVE_SYNTAX] : S("");
}

/* The value of a "syntax" member, told without a JSON parser: the file is refused anyway, this is for the message. */
static Str detect_json(Str text)
{
    static const Str name = STR_LIT("\"syntax\"");
    const char *at = memmem(text.p, text.n, name.p, name.n);
    Str rest, value;

    if (!at)
        return S("");
    rest = str_trim(str_skip(text, (size_t)(at - text.p) + name.n));
    if (rest.n == 0 || rest.p[0] != ':')
        return S("");
    rest = str_trim(str_skip(rest, 1));
    if (rest.n == 0 || rest.p[0] != '"' || !str_cut(str_skip(rest, 1), '"', &value, &rest))
        return S("");
    return value;
}

Str directives_detect_syntax(Str text, bool *ret_foreign)
{
    Str found;

    *ret_foreign = false;
    if (str_starts(text, S("\xef\xbb\xbf")))
        text = str_skip(text, 3);
    if (str_starts(text, S("#!")))
        (void)first_line(&text);
    found = detect_behind(S("#"), text);
    if (found.n)
        return found;
    *ret_foreign = true;
    if (str_starts(text, S("//")))
        return detect_behind(S("//"), text);
    text = text_trim_left(text);
    return str_starts(text, S("{")) ? detect_json(text) : S("");
}
