/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

void buf_done(Buf *b)
{
    free(b->p);
    *b = (Buf){.max = b->max};
}

/* Room for n more bytes and the NUL; false when that would pass the ceiling. */
static bool buf_reserve(Buf *b, size_t n)
{
    size_t want, cap;

    if (b->full || n > b->max - b->n) {
        b->full = true;
        return false;
    }
    want = b->n + n + 1;
    if (want <= b->cap)
        return true;
    cap = b->cap ? b->cap : 64;
    while (cap < want)
        cap *= 2;
    b->p = xgrow(b->p, cap, 1);
    b->cap = cap;
    return true;
}

char *buf_extend(Buf *b, size_t n)
{
    if (!buf_reserve(b, n))
        return NULL;
    b->n += n;
    b->p[b->n] = '\0';
    return b->p + b->n - n;
}

void buf_append(Buf *b, const void *p, size_t n)
{
    char *to = buf_extend(b, n);

    if (to && n)
        memcpy(to, p, n);
}

void buf_add(Buf *b, Str s)
{
    buf_append(b, s.p, s.n);
}

void buf_add_z(Buf *b, const char *z)
{
    buf_append(b, z, strlen(z));
}

void buf_add_char(Buf *b, char c)
{
    buf_append(b, &c, 1);
}

void buf_addf(Buf *b, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !buf_reserve(b, (size_t)n))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

void buf_truncate(Buf *b, size_t n)
{
    b->full = false;
    if (n >= b->n)
        return;
    b->n = n;
    b->p[n] = '\0';
}

int buf_check(const Buf *b, const char *what, Err *err)
{
    if (b->full)
        return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", what, b->max);
    return 0;
}

const char *buf_z(const Buf *b)
{
    return b->p ? b->p : "";
}

char *buf_take(Buf *b)
{
    char *p = b->p ? b->p : xstrdup("");

    *b = (Buf){.max = b->max};
    return p;
}
