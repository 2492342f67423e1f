/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain recursive descent over RFC 8259. Values that are no strings are only checked, so that an array which holds one is
 * told from text that is no JSON at all.
 */
#include "dockerfile/jsonlist.h"

#include "base/limits.h"
#include "codec/utf8.h"
#include "dockerfile/text.h"

typedef struct JsonText {
    Arena *arena;
    Str rest;
    unsigned depth;
} JsonText;

static bool skip_value(JsonText *j);

static void skip_space(JsonText *j)
{
    while (j->rest.n && strchr(" \t\r\n", j->rest.p[0]) && j->rest.p[0])
        j->rest = str_skip(j->rest, 1);
}

static bool take(JsonText *j, char c)
{
    skip_space(j);
    if (j->rest.n == 0 || j->rest.p[0] != c)
        return false;
    j->rest = str_skip(j->rest, 1);
    return true;
}

static bool next_is(JsonText *j, char c)
{
    skip_space(j);
    return j->rest.n && j->rest.p[0] == c;
}

/* --- strings --- */

static bool take_hex4(Str *s, uint32_t *ret)
{
    uint32_t v = 0;

    if (s->n < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        char c = s->p[i];

        if (c >= '0' && c <= '9')
            v = v * 16 + (uint32_t)(c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            v = v * 16 + (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return false;
    }
    *s = str_skip(*s, 4);
    *ret = v;
    return true;
}

static void add_utf8(Buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_add_char(b, (char)c);
    } else if (c < 0x800) {
        buf_add_char(b, (char)(0xc0 | c >> 6));
        buf_add_char(b, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_add_char(b, (char)(0xe0 | c >> 12));
        buf_add_char(b, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_add_char(b, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_add_char(b, (char)(0xf0 | c >> 18));
        buf_add_char(b, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_add_char(b, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_add_char(b, (char)(0x80 | (c & 0x3f)));
    }
}

/* The rest of \uXXXX; two of them when they are a pair of surrogates, U+FFFD for half a pair. */
static bool take_unicode(Str *s, Buf *out)
{
    uint32_t c, low;
    Str after;

    if (!take_hex4(s, &c))
        return false;
    if (c >= 0xd800 && c < 0xdc00 && str_starts(*s, S("\\u"))) {
        after = str_skip(*s, 2);
        if (take_hex4(&after, &low) && low >= 0xdc00 && low < 0xe000) {
            *s = after;
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    add_utf8(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
    return true;
}

static bool take_escape(Str *s, Buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at;
    char c;

    if (s->n == 0)
        return false;
    c = s->p[0];
    *s = str_skip(*s, 1);
    if (c == 'u')
        return take_unicode(s, out);
    at = c ? strchr(from, c) : NULL;
    if (!at)
        return false;
    buf_add_char(out, to[at - from]);
    return true;
}

static bool unescape(Str raw, Buf *out)
{
    while (raw.n) {
        const char *escape = memchr(raw.p, '\\', raw.n);
        size_t plain = escape ? (size_t)(escape - raw.p) : raw.n;

        utf8_clean(str_head(raw, plain), out);
        raw = str_skip(raw, plain);
        if (!escape)
            return true;
        raw = str_skip(raw, 1);
        if (!take_escape(&raw, out))
            return false;
    }
    return true;
}

/* Between the quotes, escapes still in it. */
static bool take_raw_string(JsonText *j, Str *ret)
{
    size_t n = 0;

    if (!take(j, '"'))
        return false;
    for (; n < j->rest.n && j->rest.p[n] != '"'; n++) {
        if ((unsigned char)j->rest.p[n] < ' ')
            return false;
        if (j->rest.p[n] == '\\')
            n++;
    }
    if (n >= j->rest.n)
        return false;
    *ret = str_head(j->rest, n);
    j->rest = str_skip(j->rest, n + 1);
    return true;
}

static bool take_string(JsonText *j, Str *ret)
{
    cleanup_buf Buf out = BUF_INIT(LIMIT_DOCKERFILE * 3);
    Str raw;

    if (!take_raw_string(j, &raw))
        return false;
    if (!memchr(raw.p, '\\', raw.n) && utf8_valid(raw)) {
        *ret = raw;
        return true;
    }
    if (!unescape(raw, &out))
        return false;
    *ret = str_dup_in(j->arena, buf_str(&out));
    return true;
}

/* --- everything else --- */

static size_t count_digits(Str s, size_t from)
{
    size_t n = from;

    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n - from;
}

static bool skip_number(JsonText *j)
{
    Str s = j->rest;
    size_t n = s.p[0] == '-', digits = count_digits(s, n);

    if (digits == 0 || (digits > 1 && s.p[n] == '0'))
        return false;
    n += digits;
    if (n < s.n && s.p[n] == '.') {
        digits = count_digits(s, ++n);
        if (digits == 0)
            return false;
        n += digits;
    }
    if (n < s.n && (s.p[n] == 'e' || s.p[n] == 'E')) {
        n++;
        if (n < s.n && (s.p[n] == '+' || s.p[n] == '-'))
            n++;
        digits = count_digits(s, n);
        if (digits == 0)
            return false;
        n += digits;
    }
    j->rest = str_skip(s, n);
    return true;
}

static bool skip_name(JsonText *j, Str name)
{
    if (!str_starts(j->rest, name))
        return false;
    j->rest = str_skip(j->rest, name.n);
    return true;
}

static bool skip_member(JsonText *j, bool map)
{
    Str ignored;

    return !map || (take_string(j, &ignored) && take(j, ':'));
}

static bool skip_container(JsonText *j, bool map)
{
    char close = map ? '}' : ']';

    if (j->depth == LIMIT_JSON_DEPTH || !take(j, map ? '{' : '['))
        return false;
    j->depth++;
    if (!take(j, close)) {
        do {
            if (!skip_member(j, map) || !skip_value(j))
                return false;
        } while (take(j, ','));
        if (!take(j, close))
            return false;
    }
    j->depth--;
    return true;
}

static bool skip_value(JsonText *j)
{
    Str ignored;

    skip_space(j);
    if (j->rest.n == 0)
        return false;
    switch (j->rest.p[0]) {
    case '"': return take_string(j, &ignored);
    case '{': return skip_container(j, true);
    case '[': return skip_container(j, false);
    case 't': return skip_name(j, S("true"));
    case 'f': return skip_name(j, S("false"));
    case 'n': return skip_name(j, S("null"));
    default: return skip_number(j);
    }
}

/* After '['. */
static JsonList take_items(JsonText *j, StrVec *ret)
{
    JsonList kind = JSON_LIST_STRINGS;

    do {
        Str item;

        if (!next_is(j, '"')) {
            kind = JSON_LIST_MIXED;
            if (!skip_value(j))
                return JSON_LIST_NONE;
        } else if (take_string(j, &item)) {
            vec_push_in(j->arena, ret, item);
        } else {
            return JSON_LIST_NONE;
        }
    } while (take(j, ','));
    return take(j, ']') ? kind : JSON_LIST_NONE;
}

JsonList json_list_parse(Arena *a, Str text, StrVec *ret)
{
    JsonText j = {a, text, 1};
    StrVec items = {0};
    JsonList kind = JSON_LIST_STRINGS;

    if (!take(&j, '['))
        return JSON_LIST_NONE;
    if (!take(&j, ']'))
        kind = take_items(&j, &items);
    skip_space(&j);
    if (j.rest.n)
        return JSON_LIST_NONE;
    if (kind == JSON_LIST_STRINGS)
        vec_foreach(item, &items)
            vec_push_in(a, ret, *item);
    return kind;
}
