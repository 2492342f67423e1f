/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

int str_cmp(Str a, Str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int d = n ? memcmp(a.p, b.p, n) : 0;

    return d ? d : (a.n > b.n) - (a.n < b.n);
}

bool str_eq_nocase(Str a, Str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool str_starts(Str s, Str prefix)
{
    return s.n >= prefix.n && str_eq(str_head(s, prefix.n), prefix);
}

bool str_ends(Str s, Str suffix)
{
    return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

bool str_contains(Str s, Str needle)
{
    return needle.n == 0 || (s.n && memmem(s.p, s.n, needle.p, needle.n));
}

Str str_trim(Str s)
{
    while (s.n && is_space(s.p[0]))
        s = str_skip(s, 1);
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

static bool cut_at(Str s, const char *at, Str *ret_head, Str *ret_tail)
{
    if (!at)
        return false;
    *ret_head = (Str){s.p, (size_t)(at - s.p)};
    *ret_tail = (Str){at + 1, s.n - (size_t)(at - s.p) - 1};
    return true;
}

bool str_cut(Str s, char sep, Str *ret_head, Str *ret_tail)
{
    return cut_at(s, s.n ? memchr(s.p, sep, s.n) : NULL, ret_head, ret_tail);
}

bool str_cut_last(Str s, char sep, Str *ret_head, Str *ret_tail)
{
    return cut_at(s, s.n ? memrchr(s.p, sep, s.n) : NULL, ret_head, ret_tail);
}

bool str_next(Str *rest, char sep, Str *ret_field)
{
    Str head, tail;

    if (!rest->p)
        return false;
    if (str_cut(*rest, sep, &head, &tail)) {
        *ret_field = head;
        *rest = tail;
        return true;
    }
    *ret_field = *rest;
    *rest = (Str){NULL, 0};
    return true;
}

char *str_dup(Str s)
{
    char *z = NEW_N(char, s.n + 1);

    if (s.n)
        memcpy(z, s.p, s.n);
    return z;
}

Str str_dup_in(Arena *a, Str s)
{
    char *z = arena_new_n(a, char, s.n + 1);

    if (s.n)
        memcpy(z, s.p, s.n);
    return (Str){z, s.n};
}

Str str_fmt_in(Arena *a, const char *fmt, ...)
{
    va_list ap;
    int n;
    char *z;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        n = 0;
    z = arena_new_n(a, char, (size_t)n + 1);
    va_start(ap, fmt);
    (void)vsnprintf(z, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (Str){z, (size_t)n};
}

Str str_lower_in(Arena *a, Str s)
{
    char *z = arena_new_n(a, char, s.n + 1);

    for (size_t i = 0; i < s.n; i++)
        z[i] = lower(s.p[i]);
    return (Str){z, s.n};
}

/* Eight bytes at a time; no seed, since every table is bounded by its input. */
uint64_t str_hash(Str s)
{
    uint64_t h = 0xcbf29ce484222325u ^ s.n, word;
    size_t i = 0;

    for (; i + sizeof(word) <= s.n; i += sizeof(word)) {
        memcpy(&word, s.p + i, sizeof(word));
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
    }
    for (word = 0; i < s.n; i++)
        word = word << 8 | (unsigned char)s.p[i];
    h = (h ^ word) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
    return h * 0xff51afd7ed558ccdu;
}

enum {
    DISTANCE_MAX = 64
};

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;

    return m < c ? m : c;
}

unsigned str_distance(Str a, Str b)
{
    unsigned row[DISTANCE_MAX + 1];

    if (a.n > DISTANCE_MAX || b.n > DISTANCE_MAX)
        return UINT32_MAX;
    for (unsigned j = 0; j <= b.n; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];

        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned above = row[j];

            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a.p[i - 1] != b.p[j - 1]));
            diagonal = above;
        }
    }
    return row[b.n];
}
