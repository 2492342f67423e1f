/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

static void err_begin(Err *err, const char *where, ErrKind kind)
{
    *err = (Err){.kind = kind, .where = where};
}

void err_set_(Err *err, const char *where, ErrKind kind, const char *fmt, ...)
{
    va_list ap;

    err_begin(err, where, kind);
    va_start(ap, fmt);
    (void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
}

void err_sys_(Err *err, const char *where, int os_errno, const char *fmt, ...)
{
    va_list ap;
    size_t len;

    err_begin(err, where, ERR_SYS);
    err->os_errno = os_errno;
    va_start(ap, fmt);
    (void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    len = strlen(err->msg);
    {
        const char *text = strerrordesc_np(os_errno);

        (void)snprintf(err->msg + len, sizeof(err->msg) - len, ": %s",
                       text ? text : "unknown error");
    }
}

void err_wrap_(Err *err, const char *fmt, ...)
{
    char head[ERR_MSG_MAX / 2];
    size_t head_len, keep, room;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(head, sizeof(head), fmt, ap);
    va_end(ap);

    /* The cause is never cut: when space runs out it is the new context that goes. */
    keep = strlen(err->msg);
    room = sizeof(err->msg) - 1 - keep;
    if (room <= 2)
        return;
    head_len = strlen(head);
    if (head_len > room - 2)
        head_len = room - 2;
    memmove(err->msg + head_len + 2, err->msg, keep);
    memcpy(err->msg, head, head_len);
    memcpy(err->msg + head_len, ": ", 2);
    err->msg[head_len + 2 + keep] = '\0';
}
