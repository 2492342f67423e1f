/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/err.h - how kiln functions fail.
 *
 * A fallible function takes 'Err *err' last and returns 0 (or a documented positive
 * outcome) on success and -1 on failure, with *err filled. Success never touches *err.
 *
 * Ownership  an Err is a plain value on the stack of whoever can act on it; nothing to free.
 * Size       fits one atomic pipe write (PIPE_BUF), so a forked child can hand its Err over.
 */
#pragma once

#include <errno.h>
#include <limits.h>

#include "base/base.h"

typedef enum ErrKind {
    ERR_NONE = 0,
    ERR_SYS,         /* a system call failed; os_errno says which way           */
    ERR_USAGE,       /* the user asked for something impossible                 */
    ERR_SYNTAX,      /* Dockerfile or .dockerignore text; line is set           */
    ERR_FORMAT,      /* malformed bytes from outside: tar, gzip, JSON           */
    ERR_LIMIT,       /* a size, count or depth bound was reached                */
    ERR_DIGEST,      /* content does not match the digest it was asked for by   */
    ERR_NOT_FOUND,   /* a manifest, blob, path or stage does not exist          */
    ERR_AUTH,        /* the registry refused our credentials                    */
    ERR_NET,         /* transport failed; retrying may help                     */
    ERR_HTTP,        /* unexpected status; http_status is set                   */
    ERR_IMMUTABLE,   /* the registry does not let a tag be moved                */
    ERR_UNSUPPORTED, /* valid, but this build or kernel cannot do it            */
    ERR_RUN,         /* a RUN command failed; exit_code is set                  */
    ERR_CANCELLED,   /* a signal asked us to stop                               */
} ErrKind;

#define ERR_MSG_MAX 2048

typedef struct Err {
    ErrKind kind;
    int os_errno;          /* ERR_SYS only, else 0        */
    int http_status;       /* ERR_HTTP and ERR_AUTH only  */
    int exit_code;         /* ERR_RUN only                */
    unsigned line;         /* ERR_SYNTAX: 1-based, else 0 */
    const char *where;     /* "file.c:123" of the origin; a string literal */
    char msg[ERR_MSG_MAX]; /* "outermost: ...: cause", NUL-terminated      */
} Err;

_Static_assert(sizeof(Err) <= PIPE_BUF, "Err must fit one atomic pipe write");

#define ERR_STR2_(x) #x
#define ERR_STR_(x)  ERR_STR2_(x)
#define ERR_HERE_    __FILE__ ":" ERR_STR_(__LINE__)

/* Fill *err and return -1, so that 'return err_set(...)' reads as one step. */
#define err_set(err, kind, ...) (err_set_((err), ERR_HERE_, (kind), __VA_ARGS__), -1)

/* Same for a failed system call: kind ERR_SYS, errno captured, ": strerror" appended. */
#define err_sys(err, ...) (err_sys_((err), ERR_HERE_, errno, __VA_ARGS__), -1)

/* Put context in front of an error already set; returns -1. */
#define err_wrap(err, ...) (err_wrap_((err), __VA_ARGS__), -1)

void err_wrap_(Err *err, const char *fmt, ...) printf_like(2, 3);
void err_set_(Err *err, const char *where, ErrKind kind, const char *fmt, ...) printf_like(4, 5);
void err_sys_(Err *err, const char *where, int os_errno, const char *fmt, ...) printf_like(4, 5);
