/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"

static LogLevel current = LOG_INFO; /* set once in main, before any thread */

void log_set_level(LogLevel level)
{
    current = level;
}

LogLevel log_level(void)
{
    return current;
}

static const char *level_prefix(LogLevel level)
{
    switch (level) {
    case LOG_ERROR: return "kiln: ";
    case LOG_WARN: return "kiln: warning: ";
    case LOG_INFO: return "";
    case LOG_DEBUG: return "debug: ";
    case LOG_TRACE: return "trace: ";
    }
    return "";
}

/* Control bytes (a hostile file name, a registry's error text) never reach a terminal. */
static void defuse(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)p[i] < 0x20 && p[i] != '\n' && p[i] != '\t') || p[i] == 0x7f)
            p[i] = '?';
}

void log_line(LogLevel level, const char *fmt, ...)
{
    cleanup_buf Buf line = BUF_INIT(BUF_SMALL);
    char text[4096];
    va_list ap;
    int saved = errno;
    size_t at = 0;

    if (level > current)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    buf_add_z(&line, level_prefix(level));
    buf_add_z(&line, text);
    defuse(line.p, line.n);
    buf_add_char(&line, '\n');
    while (at < line.n) {
        ssize_t k = write(STDERR_FILENO, line.p + at, line.n - at);

        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            break; /* stderr is gone: nobody left to tell */
        at += (size_t)k;
    }
    errno = saved;
}
