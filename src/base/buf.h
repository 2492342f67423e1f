/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/buf.h - Buf, an owned, growing run of bytes with a ceiling.
 *
 * Every Buf is born with the most it may ever hold. An append beyond that changes nothing and makes
 * the Buf 'full'; callers append freely and ask once, with buf_check(), before they use the result.
 * The bytes are always followed by a NUL that is not counted, so p can go to a system call.
 *
 * Ownership  whoever declared it; cleanup_buf or buf_done() frees, buf_take() hands the bytes over.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

typedef struct Buf {
    char *p;    /* NULL while empty */
    size_t n;   /* bytes used       */
    size_t cap; /* bytes allocated  */
    size_t max; /* most n may reach */
    bool full;  /* an append was refused */
} Buf;

#define BUF_INIT(max_bytes) \
    {                       \
        .max = (max_bytes)  \
    }
#define BUF_SMALL ((size_t)1 << 20) /* a ceiling for messages, paths and headers */

void buf_done(Buf *b);
#define cleanup_buf cleanup_with(buf_done)

void buf_append(Buf *b, const void *p, size_t n);
void buf_add(Buf *b, Str s);
void buf_add_z(Buf *b, const char *z);
void buf_add_char(Buf *b, char c);
void buf_addf(Buf *b, const char *fmt, ...) printf_like(2, 3);
char *buf_extend(Buf *b, size_t n);  /* n more bytes for the caller to fill; NULL when refused */
void buf_truncate(Buf *b, size_t n); /* keep the first n bytes; clears 'full' */

/* ERR_LIMIT "WHAT is larger than N bytes" when an append was refused. */
int buf_check(const Buf *b, const char *what, Err *err) must_check;

static inline Str buf_str(const Buf *b)
{
    return (Str){b->p ? b->p : "", b->n};
}

const char *buf_z(const Buf *b); /* borrowed, NUL-terminated, never NULL */
char *buf_take(Buf *b);          /* owned by caller; the Buf is empty afterwards */
