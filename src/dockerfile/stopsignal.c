/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are a table of this file, not the C library's: the image runs elsewhere, and real-time signals are to be named
 * from both ends, RTMIN+15 upwards and RTMAX-14 downwards.
 */
#include "dockerfile/stopsignal.h"

#include "base/num.h"
#include "dockerfile/text.h"

static const char *const names[] = {
    "ABRT", "ALRM",   "BUS",  "CHLD",  "CLD",    "CONT", "FPE",  "HUP",   "ILL",
    "INT",  "IO",     "IOT",  "KILL",  "PIPE",   "POLL", "PROF", "PWR",   "QUIT",
    "SEGV", "STKFLT", "STOP", "SYS",   "TERM",   "TRAP", "TSTP", "TTIN",  "TTOU",
    "URG",  "USR1",   "USR2", "WINCH", "VTALRM", "XCPU", "XFSZ", "RTMIN", "RTMAX",
};

static bool is_number(Str s)
{
    uint64_t n;

    if (str_starts(s, S("-")) || str_starts(s, S("+")))
        s = str_skip(s, 1);
    return num_parse_u64(s, INT64_MAX, &n) && n != 0;
}

/* RTMIN+1..15 and RTMAX-1..14 */
static bool is_real_time(Str s)
{
    bool up = s.n > 6 && str_eq_nocase(str_head(s, 6), S("RTMIN+"));
    uint64_t n;

    if (!up && (s.n <= 6 || !str_eq_nocase(str_head(s, 6), S("RTMAX-"))))
        return false;
    s = str_skip(s, 6);
    return s.p[0] != '0' && num_parse_u64(s, up ? 15 : 14, &n);
}

static bool is_name(Str s)
{
    if (s.n > 3 && str_eq_nocase(str_head(s, 3), S("SIG")))
        s = str_skip(s, 3);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(s, str_from(names[i])))
            return true;
    return is_real_time(s);
}

int stopsignal_check(Str signal, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;

    if (is_number(signal) || is_name(signal))
        return 0;
    return err_set(err, ERR_SYNTAX, "invalid signal: " STR_FMT, STR_ARG(text_clip(&a, signal)));
}
