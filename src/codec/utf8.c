/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte says how long a character is and what the second may be; that second range is all
 * that keeps overlong forms (E0, F0), surrogates (ED) and what lies beyond Unicode (F4) out.
 */
#include "codec/utf8.h"

typedef struct Utf8Lead {
    unsigned char first, last; /* lead bytes of this row      */
    unsigned char low, high;   /* what the second byte may be */
    unsigned char length;
} Utf8Lead;

static const Utf8Lead leads[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static const Utf8Lead *find_lead(unsigned char c)
{
    for (size_t i = 0; i < ARRAY_LEN(leads); i++)
        if (c >= leads[i].first && c <= leads[i].last)
            return &leads[i];
    return NULL;
}

size_t utf8_length(Str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    const Utf8Lead *lead;

    if (s.n == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    lead = find_lead(p[0]);
    if (!lead || s.n < lead->length || p[1] < lead->low || p[1] > lead->high)
        return 0;
    for (size_t i = 2; i < lead->length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return lead->length;
}

bool utf8_valid(Str s)
{
    for (size_t n; s.n > 0; s = str_skip(s, n)) {
        n = utf8_length(s);
        if (n == 0)
            return false;
    }
    return true;
}

void utf8_clean(Str s, Buf *out)
{
    while (s.n > 0) {
        size_t n = *s.p ? utf8_length(s) : 0;

        if (n > 0)
            buf_append(out, s.p, n);
        else
            buf_add_z(out, "\xef\xbf\xbd"); /* U+FFFD */
        s = str_skip(s, n ? n : 1);
    }
}
