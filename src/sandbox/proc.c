/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both files are numbers with blanks between them. The one difficulty is the name of a process in the second field of its
 * stat: it stands in parentheses and may hold blanks and parentheses itself, so the fields begin after the last ')'.
 */
#include "sandbox/proc.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/num.h"

enum {
    STAT_MAX = 4096 /* bytes of /proc/PID/stat: 52 numbers and a name of at most 64 */
};

static bool next_word(Str *rest, Str *ret)
{
    *rest = str_trim(*rest);
    if (rest->n == 0)
        return false;
    if (!str_cut(*rest, ' ', ret, rest)) {
        *ret = *rest;
        *rest = S("");
    }
    return true;
}

bool proc_stat_read(int dirfd, const char *dir, ProcStat *ret)
{
    char path[64], text[STAT_MAX];
    cleanup_close int fd = -1;
    Str head, rest, word;
    ssize_t n;

    (void)snprintf(path, sizeof(path), "%s/stat", dir);
    fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (n <= 0 || !str_cut_last((Str){text, (size_t)n}, ')', &head, &rest) ||
        !next_word(&rest, &word))
        return false;
    *ret = (ProcStat){.state = word.p[0]};
    for (int i = PROC_PPID; i < PROC_STAT_FIELDS && next_word(&rest, &word); i++)
        if (!num_parse_u64(word, UINT64_MAX, &ret->field[i]))
            ret->field[i] = 0;
    return true;
}

bool id_map_next(Str *rest, IdMapLine *ret)
{
    Str line, inside, outside, count;

    return str_next(rest, '\n', &line) && next_word(&line, &inside) && next_word(&line, &outside) &&
           next_word(&line, &count) && num_parse_u64(inside, UINT32_MAX, &ret->inside) &&
           num_parse_u64(outside, UINT32_MAX, &ret->outside) &&
           num_parse_u64(count, UINT32_MAX, &ret->count);
}
