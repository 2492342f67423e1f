/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/base.h - the few macros every file uses: attributes, cleanup, stealing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define must_check        __attribute__((warn_unused_result))
#define printf_like(f, a) __attribute__((format(printf, f, a)))
#define cleanup_with(fn)  __attribute__((cleanup(fn)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Forward a failure. Cleanup attributes make the hidden return safe. */
#define TRY(call)            \
    do {                     \
        int try_r_ = (call); \
        if (try_r_ < 0)      \
            return try_r_;   \
    } while (0)

/* Give up ownership: the variable becomes its empty value, the resource is the result. */
#define steal_ptr(pp)                   \
    __extension__({                     \
        __typeof__(*(pp)) got_ = *(pp); \
        *(pp) = NULL;                   \
        got_;                           \
    })

static inline int steal_fd(int *fd)
{
    int got = *fd;
    *fd = -1;
    return got;
}

void free_at(void *pp); /* *pp is freed and set to NULL */
void close_at(int *fd); /* closed if >= 0, set to -1; keeps errno */

#define cleanup_free  cleanup_with(free_at)
#define cleanup_close cleanup_with(close_at)

/* Define foo_free_at(Foo **) from foo_free(Foo *). */
#define CLEANUP_DEFINE(T, fn)         \
    static inline void fn##_at(T **p) \
    {                                 \
        fn(*p);                       \
        *p = NULL;                    \
    }                                 \
    struct cleanup_define_wants_a_semicolon_
