/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/proc.h - the numbers in /proc that the sandbox goes by: proc_pid_stat(5),
 * user_namespaces(7). Internal to sandbox/.
 */
#pragma once

#include "base/str.h"

/* The fields of /proc/PID/stat, numbered as in its manual page. */
enum {
    PROC_PPID = 4,
    PROC_SESSION = 6,
    PROC_START = 22, /* clock ticks since boot */
    PROC_ARG_START = 48,
    PROC_ARG_END,
    PROC_ENV_START,
    PROC_ENV_END,
    PROC_STAT_FIELDS
};

typedef struct ProcStat {
    char state;                       /* field 3 */
    uint64_t field[PROC_STAT_FIELDS]; /* 0 where there is no number, or a negative one */
} ProcStat;

/* DIR/stat, relative to dirfd. False when the process is gone. */
bool proc_stat_read(int dirfd, const char *dir, ProcStat *ret) must_check;

typedef struct IdMapLine {
    uint64_t inside, outside, count;
} IdMapLine;

/* Next line of a uid_map or gid_map:  for (Str rest = text; id_map_next(&rest, &line);) */
bool id_map_next(Str *rest, IdMapLine *ret) must_check;
