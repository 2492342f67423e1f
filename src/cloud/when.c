/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "base/num.h"
#include "cloud/internal.h"

static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

int64_t now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec;
}

/* Digits [from, from+n) of 'text' as a number. */
static bool number(Str text, size_t from, size_t n, int *ret)
{
    uint32_t v;

    if (from + n > text.n || !num_parse_u32((Str){text.p + from, n}, &v) || v > 9999)
        return false;
    *ret = (int)v;
    return true;
}

static bool to_seconds(struct tm *tm, int64_t *ret)
{
    if (tm->tm_mon < 0 || tm->tm_mon > 11 || tm->tm_mday < 1 || tm->tm_mday > 31 ||
        tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60)
        return false;
    *ret = timegm(tm);
    return true;
}

/* "+01:00" and "-0800" at the end, in seconds. */
static bool zone(Str text, int64_t *ret)
{
    int hours, minutes;

    *ret = 0;
    if (text.n == 0 || str_eq(text, S("Z")) || str_eq(text, S("z")))
        return true;
    if (text.n < 5 || (text.p[0] != '+' && text.p[0] != '-') || !number(text, 1, 2, &hours) ||
        !number(text, text.n - 2, 2, &minutes))
        return false;
    *ret = (int64_t)(hours * 60 + minutes) * (text.p[0] == '-' ? -60 : 60);
    return true;
}

bool when_parse_iso(Str text, int64_t *ret_s)
{
    struct tm tm = {0};
    size_t end = 19;
    int64_t at, offset;

    if (text.n < 19 || text.p[4] != '-' || text.p[7] != '-' || text.p[13] != ':' ||
        text.p[16] != ':' || !number(text, 0, 4, &tm.tm_year) || !number(text, 5, 2, &tm.tm_mon) ||
        !number(text, 8, 2, &tm.tm_mday) || !number(text, 11, 2, &tm.tm_hour) ||
        !number(text, 14, 2, &tm.tm_min) || !number(text, 17, 2, &tm.tm_sec))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    if (end < text.n && text.p[end] == '.')
        for (end++; end < text.n && text.p[end] >= '0' && text.p[end] <= '9';)
            end++;
    if (!to_seconds(&tm, &at) || !zone(str_skip(text, end), &offset))
        return false;
    *ret_s = at - offset;
    return true;
}

/* "Sun, 30 Aug 2015 12:36:00 GMT" */
bool when_parse_http(Str text, int64_t *ret_s)
{
    struct tm tm = {.tm_mon = -1};

    if (text.n != 29 || !number(text, 5, 2, &tm.tm_mday) || !number(text, 12, 4, &tm.tm_year) ||
        !number(text, 17, 2, &tm.tm_hour) || !number(text, 20, 2, &tm.tm_min) ||
        !number(text, 23, 2, &tm.tm_sec))
        return false;
    tm.tm_year -= 1900;
    for (int i = 0; i < 12; i++)
        if (memcmp(text.p + 8, months[i], 3) == 0)
            tm.tm_mon = i;
    return to_seconds(&tm, ret_s);
}

static struct tm utc(int64_t at_s)
{
    time_t t = (time_t)at_s;
    struct tm tm = {0};

    (void)gmtime_r(&t, &tm);
    return tm;
}

Str when_basic(int64_t at_s, Arena *a)
{
    struct tm tm = utc(at_s);

    return str_fmt_in(a, "%04d%02d%02dT%02d%02d%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                      tm.tm_hour, tm.tm_min, tm.tm_sec);
}

Str when_http(int64_t at_s, Arena *a)
{
    struct tm tm = utc(at_s);

    return str_fmt_in(a, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                      months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
