/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log.h - the one way text reaches stderr: whole lines, one write(2) each, from any thread.
 *
 * Library modules log at LOG_DEBUG only; what a user should read goes through events to cli/.
 * Never hand a token, password or signed URL to any of these.
 */
#pragma once

#include "base/str.h"

typedef enum LogLevel {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG,
    LOG_TRACE,
} LogLevel;

/* All of these: once, before any thread. */
void log_set_level(LogLevel level);
/* Besides, every line of every level goes to 'fd', which is kept until the process ends. */
void log_copy_to(int fd);
/* What is worth composing: above it, log_line() does nothing. */
LogLevel log_level(void);

/* One JSON object a line, {"level", "msg", "time"}; or the time in front of the text. */
typedef enum LogFormat {
    LOG_TEXT,
    LOG_JSON,
} LogFormat;

void log_set_format(LogFormat format, bool timestamps);

/*
 * A line that stands below all others on a terminal until another one, or "" for none, takes its
 * place. It must fit into a row. Only where stderr is a terminal.
 */
void log_status(const char *text);

void log_line(LogLevel level, const char *fmt, ...) printf_like(2, 3);

#define log_debug(...)                        \
    do {                                      \
        if (log_level() >= LOG_DEBUG)         \
            log_line(LOG_DEBUG, __VA_ARGS__); \
    } while (0)
