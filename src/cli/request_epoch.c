/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/request_epoch.h"

#include "base/num.h"
#include "dockerfile/parse.h"
#include "dockerfile/scope.h"

#define NAME S("SOURCE_DATE_EPOCH")

#define SECONDS_MAX UINT64_C(9000000000) /* the year 2255: as nanoseconds it fits into 63 bits */

/* Where the value was said. */
typedef struct Said {
    Str value;          /* p NULL: nowhere */
    const Instr *instr; /* the ARG, or NULL */
} Said;

static const Instr *find_global(const Dockerfile *d)
{
    const Instr *found = NULL;

    vec_foreach(i, &d->instrs) {
        if (i->kind == INSTR_FROM)
            break;
        vec_foreach(w, &i->pairs)
            if (w->has_value && str_eq(w->name, NAME))
                found = i;
    }
    return found;
}

/* The default of the global ARG, expanded. */
static int read_global(Request *r, Said *ret, Err *err)
{
    const Platform host = platform_host();
    const BuildRequest *b = &r->build;
    const ScopeOpts opts = {
        .build_args = &b->build_args,
        .escape = r->dockerfile.escape,
        .build = &host,
        .target = b->has_platform ? &b->platform : &host,
        .target_stage = b->target.n ? b->target : S("default"),
    };
    const Instr *last = find_global(&r->dockerfile);
    Scope scope;
    int rc = 0;

    if (!last)
        return 0;
    scope_init_global(&scope, &r->arena, &opts);
    for (const Instr *i = r->dockerfile.instrs.v; rc == 0 && i <= last; i++) {
        vec_foreach(w, &i->pairs) {
            Str name, value;
            bool set;

            if (scope_declare_arg(&scope, w, &name, &value, &set, err) < 0) {
                rc = dockerfile_error_at(&r->dockerfile, i, w->name, err);
                break;
            }
            if (set && str_eq(name, NAME))
                *ret = (Said){value, i};
        }
    }
    scope_done(&scope);
    return rc;
}

static int find_value(Request *r, Said *ret, Err *err)
{
    const KeyValue *arg = key_values_find(&r->build.build_args, NAME);
    const char *env = getenv("SOURCE_DATE_EPOCH");

    *ret = (Said){0};
    if (arg)
        ret->value = arg->value;
    else if (env)
        ret->value = str_from(env);
    else
        return read_global(r, ret, err);
    return 0;
}

/* A stage or a named context: its time would be meant. */
static bool is_name(const Request *r, Str text)
{
    if (key_values_find(&r->build.build_contexts, text))
        return true;
    vec_foreach(i, &r->dockerfile.instrs)
        if (i->kind == INSTR_FROM && i->args.n == 3 && str_eq_nocase(i->args.v[2], text))
            return true;
    return false;
}

static int wrong(const Request *r, Str text, Err *err)
{
    if (str_eq(text, S("context")) || is_name(r, text))
        return err_set(err, ERR_UNSUPPORTED,
                       "SOURCE_DATE_EPOCH: the time of " STR_FMT
                       " is not supported yet (give seconds since 1970)",
                       STR_ARG(text));
    return err_set(err, ERR_USAGE,
                   "invalid SOURCE_DATE_EPOCH: " STR_FMT " (expected seconds since 1970)",
                   STR_ARG(text));
}

/* 1 with the number of seconds, 0 when the text stands for no time. */
static int read_seconds(const Request *r, Str text, uint64_t *ret, Err *err)
{
    if (text.n == 0)
        return 0;
    if (str_eq(text, S("context")) && context_dir(r->context))
        return 0; /* a directory has no time of its own */
    return num_parse_u64(text, SECONDS_MAX, ret) ? 1 : wrong(r, text, err);
}

static void set(Request *r, uint64_t seconds)
{
    r->build.has_epoch = true;
    r->build.epoch_ns = (int64_t)seconds * 1000000000;
}

int request_epoch(const Settings *s, Request *r, Err *err)
{
    uint64_t seconds;
    Said said;
    int rc;

    TRY(find_value(r, &said, err));
    rc = said.value.p ? read_seconds(r, said.value, &seconds, err) : 0;
    if (rc < 0)
        return said.instr ? dockerfile_error_at(&r->dockerfile, said.instr, (Str){0}, err) : -1;
    if (said.value.p)
        key_values_set(&r->build.build_args, &r->arena, NAME, rc > 0 ? said.value : S(""));
    if (rc > 0)
        set(r, seconds);
    else if (s->reproducible)
        set(r, 0);
    return 0;
}
