/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/request_epoch.h"

#include "base/num.h"
#include "cli/epoch_name.h"
#include "dockerfile/parse.h"

#define NAME S("SOURCE_DATE_EPOCH")

#define SECONDS_MAX UINT64_C(9000000000) /* the year 2255: as nanoseconds it fits into 63 bits */

/* Where the value was said. */
typedef struct Said {
    Str value;          /* p NULL: nowhere */
    const Instr *instr; /* the ARG, or NULL */
} Said;

/* The ARGs before the first FROM; of the one in question the value, too. */
static int read_global(Request *r, const Platform *host, Scope *global, Said *ret, Err *err)
{
    const BuildRequest *b = &r->build;
    const ScopeOpts opts = {
        .build_args = &b->build_args,
        .escape = r->dockerfile.escape,
        .build = host,
        .target = b->has_platform ? &b->platform : host,
        .target_stage = b->target.n ? b->target : S("default"),
    };

    scope_init_global(global, &r->arena, &opts);
    vec_foreach(i, &r->dockerfile.instrs) {
        if (i->kind == INSTR_FROM)
            break;
        vec_foreach(w, &i->pairs) {
            Str name, value;
            bool set;

            if (scope_declare_arg(global, w, &name, &value, &set, err) < 0)
                return dockerfile_error_at(&r->dockerfile, i, w->name, err);
            if (set && w->has_value && str_eq(name, NAME))
                *ret = (Said){value, i};
        }
    }
    return 0;
}

static void find_value(const Request *r, Said *ret)
{
    const KeyValue *arg = key_values_find(&r->build.build_args, NAME);
    const char *env = getenv("SOURCE_DATE_EPOCH");

    if (arg)
        *ret = (Said){.value = arg->value};
    else if (env)
        *ret = (Said){.value = str_from(env)};
}

/* 1 with the number of seconds, 0 when the text stands for no time. */
static int read_seconds(Request *r, const Scope *global, Str text, uint64_t *ret, Err *err)
{
    int rc;

    if (text.n == 0)
        return 0;
    if (num_parse_u64(text, SECONDS_MAX, ret))
        return 1;
    rc = epoch_of_name(r, global, text, ret, err);
    if (rc != 2)
        return rc;
    return err_set(err, ERR_USAGE,
                   "invalid SOURCE_DATE_EPOCH: " STR_FMT
                   " (expected seconds since 1970, \"context\", the name of a build context or of "
                   "a stage with nothing but one ADD from elsewhere)",
                   STR_ARG(text));
}

static int find_seconds(Request *r, Said *ret_said, uint64_t *ret, Err *err)
{
    const Platform host = platform_host();
    Scope global;
    int rc = read_global(r, &host, &global, ret_said, err);

    if (rc == 0)
        find_value(r, ret_said);
    if (rc == 0 && ret_said->value.p)
        rc = read_seconds(r, &global, ret_said->value, ret, err);
    scope_done(&global);
    return rc;
}

static void set(Request *r, uint64_t seconds)
{
    r->build.has_epoch = true;
    r->build.epoch_ns = (int64_t)seconds * 1000000000;
}

int request_epoch(const Settings *s, Request *r, Err *err)
{
    uint64_t seconds = 0;
    Said said = {0};
    int rc = find_seconds(r, &said, &seconds, err);

    if (rc < 0)
        return said.instr && err->line == 0
                   ? dockerfile_error_at(&r->dockerfile, said.instr, (Str){0}, err)
                   : -1;
    if (said.value.p)
        key_values_set(&r->build.build_args, &r->arena, NAME,
                       rc > 0 ? str_fmt_in(&r->arena, "%llu", (unsigned long long)seconds) : S(""));
    if (rc > 0)
        set(r, seconds);
    else if (s->reproducible)
        set(r, 0);
    return 0;
}
