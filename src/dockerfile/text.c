/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language was defined by a program that decodes UTF-8 and asks Unicode what a space or a letter is, so a
 * no-break space separates words and $größe is one name. ASCII is answered first; the tables are for the rest.
 */
#include "dockerfile/text.h"

#include "codec/utf8.h"
#include "dockerfile/letters.h"

enum {
    CLIP_BYTES = 120, /* of a word in a message */
};

size_t text_char(Str s)
{
    size_t n = utf8_length(s);

    return n || s.n == 0 ? n : 1;
}

/* Of a well-formed character; 0 for anything else. */
static uint32_t code_point(Str s)
{
    const unsigned char *p = (const unsigned char *)s.p;

    switch (utf8_length(s)) {
    case 1: return p[0];
    case 2: return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    case 3: return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    case 4:
        return (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
    default: return 0;
    }
}

static bool is_wide_space(uint32_t c)
{
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

size_t text_space(Str s)
{
    unsigned char c;

    if (s.n == 0)
        return 0;
    c = (unsigned char)s.p[0];
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    return is_wide_space(code_point(s)) ? text_char(s) : 0;
}

Str text_trim_left(Str s)
{
    for (size_t n; (n = text_space(s)) > 0;)
        s = str_skip(s, n);
    return s;
}

/* Bytes of the white-space character that s ends with, or 0. */
static size_t space_at_end(Str s)
{
    for (size_t n = 1; n <= 3 && n <= s.n; n++)
        if (text_space(str_skip(s, s.n - n)) == n)
            return n;
    return 0;
}

Str text_trim(Str s)
{
    s = text_trim_left(s);
    for (size_t n; (n = space_at_end(s)) > 0;)
        s.n -= n;
    return s;
}

Str text_trim_newline(Str s)
{
    while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

static bool in_ranges(uint32_t c, const CharRange *r, size_t n)
{
    while (n > 0) {
        size_t half = n / 2;

        if (c < r[half].first) {
            n = half;
        } else if (c > r[half].last) {
            r += half + 1;
            n -= half + 1;
        } else {
            return true;
        }
    }
    return false;
}

bool text_is_digit(Str ch)
{
    uint32_t c = code_point(ch);

    if (c < 0x80)
        return c >= '0' && c <= '9';
    return in_ranges(c, digit_ranges, ARRAY_LEN(digit_ranges));
}

bool text_is_letter(Str ch)
{
    uint32_t c = code_point(ch);

    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return in_ranges(c, letter_ranges, ARRAY_LEN(letter_ranges));
}

bool text_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

Str text_first_word(Str s, Str *ret_rest)
{
    size_t end = 0, next;

    while (end < s.n && !text_is_blank(s.p[end]))
        end++;
    for (next = end; next < s.n && text_is_blank(s.p[next]);)
        next++;
    *ret_rest = str_skip(s, next);
    return str_head(s, end);
}

/* --- for messages --- */

static size_t clip_length(Str s)
{
    size_t n = 0;

    while (n < s.n && n < CLIP_BYTES)
        n += text_char(str_skip(s, n));
    return n;
}

Str text_clip(Arena *a, Str s)
{
    size_t n = clip_length(s);

    return n == s.n ? s : str_fmt_in(a, STR_FMT "...", STR_ARG(str_head(s, n)));
}

static void add_quoted_char(Buf *b, char c)
{
    if (c == '"' || c == '\\')
        buf_addf(b, "\\%c", c);
    else if (c == '\n')
        buf_add_z(b, "\\n");
    else if (c == '\t')
        buf_add_z(b, "\\t");
    else if (c == '\r')
        buf_add_z(b, "\\r");
    else if ((unsigned char)c < ' ' || c == 0x7f)
        buf_addf(b, "\\x%02x", (unsigned)(unsigned char)c);
    else
        buf_add_char(b, c);
}

void text_add_quoted(Buf *b, Str s)
{
    buf_add_char(b, '"');
    for (size_t i = 0; i < s.n; i++)
        add_quoted_char(b, s.p[i]);
    buf_add_char(b, '"');
}

Str text_quote(Arena *a, Str s)
{
    cleanup_buf Buf b = BUF_INIT((size_t)CLIP_BYTES * 8);
    size_t n = clip_length(s);

    text_add_quoted(&b, str_head(s, n));
    if (n < s.n) {
        buf_truncate(&b, b.n - 1);
        buf_add_z(&b, "...\"");
    }
    return str_dup_in(a, buf_str(&b));
}

static Str upper_in(Arena *a, Str s)
{
    char *z = arena_new_n(a, char, s.n + 1);

    for (size_t i = 0; i < s.n; i++)
        z[i] = s.p[i] >= 'a' && s.p[i] <= 'z' ? (char)(s.p[i] - 'a' + 'A') : s.p[i];
    return (Str){z, s.n};
}

/* Edits between two words, two neighbours that changed places counting as one. */
static unsigned count_slips(Str a, Str b)
{
    size_t i = 0;

    if (a.n == b.n) {
        while (i < a.n && a.p[i] == b.p[i])
            i++;
        if (i + 1 < a.n && a.p[i] == b.p[i + 1] && a.p[i + 1] == b.p[i] &&
            str_eq(str_skip(a, i + 2), str_skip(b, i + 2)))
            return 1;
    }
    return str_distance(a, b);
}

Str text_suggest(Arena *a, Str word, const char *const *known, size_t n, bool any_case)
{
    Str asked = any_case ? str_lower_in(a, text_clip(a, word)) : word, best = {0};
    unsigned least = 3; /* one or two edits are a slip of the finger, three another word */

    for (size_t i = 0; i < n; i++) {
        Str name = any_case ? str_lower_in(a, str_from(known[i])) : str_from(known[i]);
        unsigned slips = count_slips(asked, name);

        if (slips > 0 && slips < least && slips < asked.n) {
            least = slips;
            best = name;
        }
    }
    if (!best.p)
        return S("");
    if (any_case && str_eq(word, upper_in(a, word)))
        best = upper_in(a, best);
    return str_fmt_in(a, " (did you mean " STR_FMT "?)", STR_ARG(best));
}
