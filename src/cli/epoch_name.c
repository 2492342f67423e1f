/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/epoch_name.h"

#include "context/remote.h"
#include "dockerfile/parse.h"
#include "dockerfile/scope.h"

static int seconds_of(Context *c, uint64_t *ret, Err *err)
{
    int64_t ns;

    TRY(context_load(c, err));
    ns = context_time_ns(c);
    *ret = ns > 0 ? (uint64_t)ns / 1000000000 : 0;
    return ns > 0 ? 1 : 0;
}

/* --- a build context --- */

static int of_build_context(const Request *r, const KeyValue *named, uint64_t *ret, Err *err)
{
    cleanup_with(context_free_at) Context *c = NULL;
    cleanup_free char *spec = str_dup(named->value);
    ContextOpts o = r->inputs;

    if (str_starts(named->value, S("docker-image://")) ||
        str_starts(named->value, S("oci-layout://")))
        return err_set(err, ERR_UNSUPPORTED,
                       "SOURCE_DATE_EPOCH: " STR_FMT
                       " is an image, which has no time of its own (give seconds since 1970)",
                       STR_ARG(named->key));
    o.bare_file = true;
    if (context_open(spec, &o, &c, err) < 0)
        return err_wrap(err, "the build context " STR_FMT, STR_ARG(named->key));
    return seconds_of(c, ret, err);
}

/* --- a stage --- */

static const Instr *find_stage(const Dockerfile *d, Str name)
{
    const Instr *found = NULL;

    vec_foreach(i, &d->instrs)
        if (i->kind == INSTR_FROM && i->args.n == 3 && str_eq_nocase(i->args.v[2], name))
            found = i;
    return found;
}

/* The one ADD of a stage that has nothing else but ARGs and is FROM scratch; or NULL. */
static const Instr *only_add(const Dockerfile *d, const Instr *from)
{
    const Instr *add = NULL, *end = d->instrs.v + d->instrs.n;

    if (!str_eq(from->args.v[0], S("scratch")))
        return NULL;
    for (const Instr *i = from + 1; i < end && i->kind != INSTR_FROM; i++) {
        if (i->kind == INSTR_ARG)
            continue;
        if (i->kind != INSTR_ADD || add || i->args.n != 2 || i->heredocs.n > 0)
            return NULL;
        add = i;
    }
    return add;
}

static int declare(const Instr *i, Scope *s, Err *err)
{
    vec_foreach(w, &i->pairs) {
        Str name, value;
        bool set;

        TRY(scope_declare_arg(s, w, &name, &value, &set, err));
    }
    return 0;
}

/* 1, 0 as epoch_of_name(); 2: the source is a path. */
static int fetch(const Request *r, const Instr *add, const Scope *s, uint64_t *ret, Err *err)
{
    cleanup_with(context_free_at) Context *c = NULL;
    const Flag *checksum = instr_flag(add, "checksum");
    RemoteOpts how = {0};
    Str source;

    TRY(scope_expand(s, add->args.v[0], &source, err));
    if (checksum)
        TRY(scope_expand(s, checksum->value, &how.checksum, err));
    switch (remote_kind(source)) {
    case REMOTE_NONE: return 2;
    case REMOTE_FILE: TRY(remote_file_open(source, &how, &r->inputs, &c, err)); break;
    case REMOTE_GIT: TRY(remote_git_open(source, &how, &r->inputs, &c, err)); break;
    }
    return seconds_of(c, ret, err);
}

static int of_stage(Request *r, const Scope *global, const Instr *from, uint64_t *ret, Err *err)
{
    static const KeyValueVec none;
    const Instr *add = only_add(&r->dockerfile, from);
    Scope s;
    int rc = 0;

    if (!add)
        return 2;
    scope_init_stage(&s, global, &r->arena, &none);
    for (const Instr *i = from + 1; rc == 0 && i < add; i++)
        rc = declare(i, &s, err);
    if (rc == 0)
        rc = fetch(r, add, &s, ret, err);
    scope_done(&s);
    return rc < 0 && err->line == 0 ? dockerfile_error_at(&r->dockerfile, add, (Str){0}, err) : rc;
}

int epoch_of_name(Request *r, const Scope *global, Str name, uint64_t *ret, Err *err)
{
    const KeyValue *named = key_values_find(&r->build.build_contexts, name);
    const Instr *from = find_stage(&r->dockerfile, name);

    if (str_eq(name, S("context")))
        return seconds_of(r->context, ret, err);
    if (named)
        return of_build_context(r, named, ret, err);
    return from ? of_stage(r, global, from, ret, err) : 2;
}
