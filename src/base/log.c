/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/buf.h"

static LogLevel current = LOG_INFO; /* set once in main, before any thread, as are these */
static bool as_json, with_time;
static int copy_fd = -1;

/* The cursor rests at the beginning of the status: whatever else is printed goes over it. */
#define CLEAR "\r\033[K"

static struct {
    pthread_mutex_t lock;
    char text[256]; /* "" = none */
} status = {.lock = PTHREAD_MUTEX_INITIALIZER};

void log_set_level(LogLevel level)
{
    current = level;
}

void log_copy_to(int fd)
{
    copy_fd = fd;
}

LogLevel log_level(void)
{
    return copy_fd < 0 ? current : LOG_TRACE;
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

void log_set_format(LogFormat format, bool timestamps)
{
    as_json = format == LOG_JSON;
    with_time = timestamps;
}

/* Control bytes (a hostile file name, a registry's error text) never reach a terminal. */
static void defuse(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)p[i] < 0x20 && p[i] != '\n' && p[i] != '\t') || p[i] == 0x7f)
            p[i] = '?';
}

/* logrus's names: what reads kaniko's logs reads these. */
static const char *level_name(LogLevel level)
{
    static const char *const names[] = {"error", "warning", "info", "debug", "trace"};

    return names[level];
}

static void add_time(Buf *line)
{
    struct timespec now;
    struct tm tm;
    char text[32] = "";

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &tm))
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    buf_add_z(line, text);
}

/* Bytes of one UTF-8 character, 0 when it is none. */
static size_t utf8_length(const char *p)
{
    unsigned char c = (unsigned char)p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : 0;

    if (c >= 0xf0 && c < 0xf5)
        n = 4;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

static void add_json_text(Buf *line, const char *p)
{
    while (*p) {
        size_t n = utf8_length(p);

        if (n == 0)
            buf_add_z(line, "\xef\xbf\xbd");
        else if (*p == '"' || *p == '\\')
            buf_addf(line, "\\%c", *p);
        else if ((unsigned char)*p < 0x20)
            buf_addf(line, "\\u%04x", (unsigned)*p);
        else
            buf_append(line, p, n);
        p += n ? n : 1;
    }
}

static void add_json(Buf *line, LogLevel level, const char *text)
{
    buf_addf(line, "{\"level\":\"%s\",\"msg\":\"", level_name(level));
    add_json_text(line, text);
    buf_add_z(line, "\",\"time\":\"");
    add_time(line);
    buf_add_z(line, "\"}");
}

static void add_text(Buf *line, LogLevel level, const char *text)
{
    if (with_time) {
        add_time(line);
        buf_add_z(line, " ");
    }
    buf_add_z(line, level_prefix(level));
    buf_add_z(line, text);
    defuse(line->p, line->n);
}

static void write_out(int fd, const Buf *out)
{
    size_t at = 0;

    while (at < out->n) {
        ssize_t k = write(fd, out->p + at, out->n - at);

        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            break; /* it is gone: nobody left to tell */
        at += (size_t)k;
    }
}

/* The line, and the status again below it. */
static void print(const Buf *line)
{
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);

    (void)pthread_mutex_lock(&status.lock);
    if (status.text[0]) {
        buf_add_z(&out, CLEAR);
        buf_add(&out, buf_str(line));
        buf_addf(&out, "%s\r", status.text);
    }
    write_out(STDERR_FILENO, status.text[0] ? &out : line);
    (void)pthread_mutex_unlock(&status.lock);
}

void log_line(LogLevel level, const char *fmt, ...)
{
    cleanup_buf Buf line = BUF_INIT(BUF_SMALL);
    char text[4096];
    va_list ap;
    int saved = errno;

    if (level > log_level())
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (as_json)
        add_json(&line, level, text);
    else
        add_text(&line, level, text);
    buf_add_char(&line, '\n');
    if (level <= current)
        print(&line);
    if (copy_fd >= 0)
        write_out(copy_fd, &line);
    errno = saved;
}

void log_status(const char *text)
{
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);

    (void)pthread_mutex_lock(&status.lock);
    if (*text || status.text[0]) {
        (void)snprintf(status.text, sizeof(status.text), "%s", text);
        for (char *p = status.text; *p; p++)
            if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
                *p = '?'; /* a byte is a column, then */
        buf_addf(&out, CLEAR "%s\r", status.text);
        write_out(STDERR_FILENO, &out);
    }
    (void)pthread_mutex_unlock(&status.lock);
}
