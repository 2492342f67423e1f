/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bases_opts.h"

#include "cli/values.h"

#define DEFAULT_TTL_NS (INT64_C(14) * 24 * 3600 * 1000000000)

int bases_opts_fill(const Settings *s, BasesOpts *ret, Err *err)
{
    *ret = (BasesOpts){.dir = s->cache_dir ? s->cache_dir : "/cache"};
    if (*ret->dir == '\0')
        return err_set(err, ERR_USAGE, "--cache-dir: the name is empty");
    return parse_duration(s->cache_ttl, "--cache-ttl", DEFAULT_TTL_NS, &ret->ttl_ns, err);
}
