/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go's filepath.Match. A star only ever has to be reconsidered up to the next one: the first place where what is between
 * them fits leaves the most for the rest. So there is one place to go back to, and the time is bounded by the product of
 * the lengths.
 *
 *     class = '[' ['^'] range { range } ']'      range = char | char '-' char      char = '\' any | any but - ]
 */
#include "dockerfile/glob.h"

#include "dockerfile/text.h"

static bool next_is(Str s, char c)
{
    return s.n && s.p[0] == c;
}

static Str take_char(Str *s)
{
    Str ch = str_head(*s, text_char(*s));

    *s = str_skip(*s, ch.n);
    return ch;
}

/* One end of a range. */
static bool take_class_char(Str *rest, Str *ret)
{
    if (rest->n == 0 || next_is(*rest, '-') || next_is(*rest, ']'))
        return false;
    if (next_is(*rest, '\\'))
        *rest = str_skip(*rest, 1);
    *ret = take_char(rest);
    return ret->n > 0;
}

static bool take_range(Str *rest, Str *ret_low, Str *ret_high)
{
    if (!take_class_char(rest, ret_low))
        return false;
    *ret_high = *ret_low;
    if (!next_is(*rest, '-'))
        return true;
    *rest = str_skip(*rest, 1);
    return take_class_char(rest, ret_high);
}

bool glob_take_class(Str *rest, Str *ret_class)
{
    Str s = *rest, low, high;

    if (!next_is(s, '['))
        return false;
    s = str_skip(s, 1);
    if (next_is(s, '^'))
        s = str_skip(s, 1);
    do {
        if (!take_range(&s, &low, &high))
            return false;
    } while (!next_is(s, ']'));
    s = str_skip(s, 1);
    *ret_class = str_head(*rest, rest->n - s.n);
    *rest = s;
    return true;
}

/* UTF-8 sorts by bytes as its code points do. */
bool glob_class_holds(Str class, Str ch)
{
    Str s = (Str){class.p + 1, class.n - 2}, low, high;
    bool negated = next_is(s, '^'), found = false;

    if (negated)
        s = str_skip(s, 1);
    while (s.n && take_range(&s, &low, &high))
        found |= str_cmp(low, ch) <= 0 && str_cmp(ch, high) <= 0;
    return found != negated;
}

bool glob_is_valid(Str pattern)
{
    while (pattern.n) {
        Str ignored;

        if (next_is(pattern, '[')) {
            if (!glob_take_class(&pattern, &ignored))
                return false;
            continue;
        }
        if (take_char(&pattern).p[0] == '\\' && take_char(&pattern).n == 0)
            return false;
    }
    return true;
}

bool glob_has_wildcard(Str pattern)
{
    for (size_t i = 0; i < pattern.n; i++)
        if (strchr("*?[\\", pattern.p[i]) && pattern.p[i])
            return true;
    return false;
}

/* One element that is no star against one character. */
static bool match_one(Str *pattern, Str *name)
{
    Str class, want, ch = take_char(name);

    if (ch.n == 0)
        return false;
    if (next_is(*pattern, '['))
        return glob_take_class(pattern, &class) && glob_class_holds(class, ch) &&
               !str_eq(ch, S("/"));
    if (next_is(*pattern, '?')) {
        (void)take_char(pattern);
        return !str_eq(ch, S("/"));
    }
    if (next_is(*pattern, '\\'))
        *pattern = str_skip(*pattern, 1);
    want = take_char(pattern);
    return want.n && str_eq(want, ch);
}

bool glob_match(Str pattern, Str name)
{
    Str retry_pattern = {0}, retry_name = {0}; /* after the last star, and the least it may leave */

    if (!glob_is_valid(pattern))
        return false;
    while (pattern.n || name.n) {
        if (next_is(pattern, '*')) {
            pattern = retry_pattern = str_skip(pattern, 1);
            retry_name = name;
            continue;
        }
        if (pattern.n && match_one(&pattern, &name))
            continue;
        if (!retry_pattern.p || retry_name.n == 0 || retry_name.p[0] == '/')
            return false;
        (void)take_char(&retry_name);
        pattern = retry_pattern;
        name = retry_name;
    }
    return true;
}
