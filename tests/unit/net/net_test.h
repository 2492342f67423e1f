/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of net/ that talk to registry.py. */
#pragma once

#include "base/limits.h"
#include "fault_registry.h"
#include "net/http.h"

/* Pauses of milliseconds: the tests care about what is done, not when. */
static inline HttpClient *quick_client(void)
{
    return http_client_new(&(HttpClientOpts){.retry_base_ms = 1, .stall_timeout_s = 1});
}

/* A sink that keeps what it gets and notes how it was driven. */
typedef struct Keep {
    HttpSink sink;
    Buf got;
    unsigned begins, resumes;
    int refuse; /* fail in the write after so many bytes; 0 = never */
} Keep;

static inline int keep_begin(HttpSink *self, int status, uint64_t resume_at, Err *err)
{
    Keep *k = (Keep *)self;

    (void)err;
    CHECK(status == 200 || status == 206);
    CHECK(resume_at <= k->got.n);
    CHECK(resume_at == 0 || resume_at == k->got.n);
    k->begins++;
    k->resumes += resume_at > 0;
    buf_truncate(&k->got, (size_t)resume_at);
    return 0;
}

static inline int keep_write(Writer *w, const void *p, size_t n, Err *err)
{
    Keep *k = (Keep *)w;

    buf_append(&k->got, p, n);
    if (k->refuse && k->got.n >= (size_t)k->refuse)
        return err_set(err, ERR_SYS, "the disk is full");
    return 0;
}

#define KEEP_INIT                                                                           \
    {                                                                                       \
        .sink = {.w = {keep_write}, .begin = keep_begin}, .got = BUF_INIT((size_t)64 << 20) \
    }

/* Byte i of a sized blob of registry.py. */
static inline char pattern_at(uint64_t i)
{
    i %= 65536;
    return (char)((i * 7 + i / 256) & 255);
}

static inline Str pattern(Arena *a, size_t n)
{
    char *p = arena_new_n(a, char, n + 1);

    for (size_t i = 0; i < n; i++)
        p[i] = pattern_at(i);
    return (Str){p, n};
}
