/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"

#include <stdio.h>

static bool parse_base(Str s, unsigned base, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

        if (digit >= base || digit > max || v > (max - digit) / base)
            return false;
        v = v * base + digit;
    }
    *ret = v;
    return true;
}

bool num_parse_u64(Str s, uint64_t max, uint64_t *ret)
{
    return parse_base(s, 10, max, ret);
}

bool num_parse_u32(Str s, uint32_t *ret)
{
    uint64_t v;

    if (!parse_base(s, 10, UINT32_MAX, &v))
        return false;
    *ret = (uint32_t)v;
    return true;
}

bool num_parse_octal(Str s, uint64_t max, uint64_t *ret)
{
    return parse_base(s, 8, max, ret);
}

bool num_parse_bool(Str s, bool *ret)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_eq(s, str_from(yes[i])) || str_eq(s, str_from(no[i]))) {
            *ret = str_eq(s, str_from(yes[i]));
            return true;
        }
    }
    return false;
}

static bool take_digits(Str *s, uint64_t *ret_value, uint64_t *ret_scale)
{
    uint64_t v = 0, scale = 1;
    size_t i = 0;

    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
        if (v > (UINT64_MAX / 16) / 10 || scale > UINT64_MAX / 16 / 10)
            return false;
        v = v * 10 + (uint64_t)(s->p[i] - '0');
        scale *= 10;
    }
    *ret_value = v;
    *ret_scale = scale;
    *s = str_skip(*s, i);
    return true;
}

static int64_t take_unit_ns(Str *s)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {/* longest first */
                 {"ns", 1},       {"us", 1000},      {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000},
                 {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000},  {"h", 3600000000000}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_starts(*s, str_from(units[i].name))) {
            *s = str_skip(*s, strlen(units[i].name));
            return units[i].ns;
        }
    }
    return 0;
}

bool num_parse_duration_ns(Str s, int64_t *ret)
{
    bool negative = false;
    double total = 0;
    int64_t exact = 0;

    if (s.n && (s.p[0] == '-' || s.p[0] == '+')) {
        negative = s.p[0] == '-';
        s = str_skip(s, 1);
    }
    if (str_eq(s, S("0"))) {
        *ret = 0;
        return true;
    }
    if (s.n == 0)
        return false;
    while (s.n) {
        uint64_t whole, fraction = 0, scale = 1, ignored;
        size_t before = s.n;
        bool digits;
        int64_t unit, part;

        if (!take_digits(&s, &whole, &ignored))
            return false;
        digits = s.n < before;
        if (s.n && s.p[0] == '.') {
            s = str_skip(s, 1);
            before = s.n;
            if (!take_digits(&s, &fraction, &scale))
                return false;
            digits = digits || s.n < before;
        }
        unit = take_unit_ns(&s);
        if (!digits || unit == 0 || __builtin_mul_overflow((int64_t)whole, unit, &part))
            return false;
        total = (double)fraction * ((double)unit / (double)scale);
        if (__builtin_add_overflow(exact, part, &exact) ||
            __builtin_add_overflow(exact, (int64_t)total, &exact))
            return false;
    }
    *ret = negative ? -exact : exact;
    return true;
}

NumText num_format_bytes(uint64_t n)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double v = (double)n;
    size_t u = 0;
    NumText t;

    while (v >= 999.5 && u + 1 < ARRAY_LEN(units)) {
        v /= 1000;
        u++;
    }
    (void)snprintf(t.z, sizeof(t.z), u && v < 99.95 ? "%.1f %s" : "%.0f %s", v, units[u]);
    return t;
}

NumText num_format_seconds(int64_t ns)
{
    double s = (double)ns / 1e9;
    NumText t;

    if (s < 60)
        (void)snprintf(t.z, sizeof(t.z), "%.1fs", s);
    else
        (void)snprintf(t.z, sizeof(t.z), "%lldm%02llds", (long long)s / 60, (long long)s % 60);
    return t;
}
