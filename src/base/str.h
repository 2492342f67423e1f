/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/str.h - Str, a borrowed run of bytes. Not NUL-terminated, never freed.
 */
#pragma once

#include "base/mem.h"

typedef struct Str {
    const char *p;
    size_t n;
} Str;

#define S(lit) ((Str){"" lit, sizeof(lit) - 1})
#define STR_LIT(lit)            \
    {                           \
        "" lit, sizeof(lit) - 1 \
    } /* the same as an initialiser of static data */
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p

static inline Str str_from(const char *z)
{
    return (Str){z, z ? strlen(z) : 0};
}

static inline bool str_eq(Str a, Str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* s without its first n bytes; n must not exceed s.n. */
static inline Str str_skip(Str s, size_t n)
{
    return (Str){s.p + n, s.n - n};
}

static inline Str str_head(Str s, size_t n)
{
    return (Str){s.p, n};
}

int str_cmp(Str a, Str b);        /* by bytes, as memcmp; shorter first */
bool str_eq_nocase(Str a, Str b); /* ASCII letters only */
bool str_starts(Str s, Str prefix);
bool str_ends(Str s, Str suffix);
bool str_contains(Str s, Str needle);
Str str_trim(Str s); /* without leading and trailing ASCII white space */

/* Split at the first / last 'sep'. False, with nothing set, when there is none. */
bool str_cut(Str s, char sep, Str *ret_head, Str *ret_tail);
bool str_cut_last(Str s, char sep, Str *ret_head, Str *ret_tail);

/*
 * Walk the fields between separators:  for (Str rest = s, f; str_next(&rest, ',', &f);)
 * As in strsep: "" has one empty field, "a,,b" three; a NULL Str has none.
 */
bool str_next(Str *rest, char sep, Str *ret_field);

char *str_dup(Str s) must_check;            /* owned, NUL-terminated */
Str str_dup_in(Arena *a, Str s) must_check; /* lives as long as the arena, NUL follows */
Str str_fmt_in(Arena *a, const char *fmt, ...) must_check printf_like(2, 3);
Str str_lower_in(Arena *a, Str s) must_check; /* ASCII */

uint64_t str_hash(Str s); /* for tables in memory only: not stable between versions */

/*
 * Edit distance (Levenshtein) of two short words, for "did you mean"; words over 64 bytes are
 * "infinitely" far apart.
 */
unsigned str_distance(Str a, Str b);
