/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/values.h"

#include "base/num.h"
#include "oci/config.h"

int parse_count(const char *text, const char *option, unsigned *ret, Err *err)
{
    uint64_t n;

    if (!text)
        return 0;
    if (!num_parse_u64(str_from(text), 1000, &n))
        return err_set(err, ERR_USAGE, "%s %s: expected a number from 0 to 1000", option, text);
    *ret = (unsigned)n;
    return 0;
}

int parse_duration(const char *text, const char *option, int64_t otherwise_ns, int64_t *ret_ns,
                   Err *err)
{
    *ret_ns = otherwise_ns;
    if (text && (!num_parse_duration_ns(str_from(text), ret_ns) || *ret_ns < 0))
        return err_set(err, ERR_USAGE, "%s %s: expected a time like 336h or 90m", option, text);
    return 0;
}

int parse_size(const char *text, const char *option, uint64_t *ret, Err *err)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {{"", 1},
                 {"B", 1},
                 {"K", 1000},
                 {"KB", 1000},
                 {"M", 1000000},
                 {"MB", 1000000},
                 {"G", 1000000000},
                 {"GB", 1000000000},
                 {"T", 1000000000000},
                 {"TB", 1000000000000},
                 {"KiB", 1 << 10},
                 {"MiB", 1 << 20},
                 {"GiB", 1 << 30},
                 {"TiB", (uint64_t)1 << 40}};
    size_t digits = strspn(text, "0123456789");
    uint64_t n;

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strcasecmp(text + digits, units[i].name) == 0 &&
            num_parse_u64((Str){text, digits}, UINT64_MAX / units[i].bytes, &n)) {
            *ret = n * units[i].bytes;
            return 0;
        }
    return err_set(err, ERR_USAGE, "%s %s: expected a size like 10GB or 500MiB", option, text);
}

int parse_pairs(Arena *a, const StrVec *from, const char *option, LoneKey lone, KeyValueVec *to,
                Err *err)
{
    vec_foreach(s, from) {
        Str key = *s, value = S("");
        const char *env;

        if (!str_cut(*s, '=', &key, &value)) {
            if (lone == LONE_WRONG)
                return err_set(err, ERR_USAGE, "%s " STR_FMT ": expected KEY=VALUE", option,
                               STR_ARG(*s));
            env = getenv(str_dup_in(a, *s).p);
            if (!env && lone == LONE_FROM_ENV)
                continue;
            value = str_from(env ? env : "");
        }
        if (key.n == 0)
            return err_set(err, ERR_USAGE, "%s " STR_FMT ": the key is empty", option, STR_ARG(*s));
        key_values_set(to, a, key, value);
    }
    return 0;
}
