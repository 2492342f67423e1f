/* SPDX-License-Identifier: Apache-2.0 */
/* Flags are Go durations and a count; what is zero counts as not given. The command is not expanded at build time. */
#include "dockerfile/healthcheck.h"

#include "base/num.h"
#include "dockerfile/text.h"

static const int64_t MIN_NS = 1000000; /* 1ms; the engine's own floor */

static int read_duration(const Instr *i, const char *name, int64_t *ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    const Flag *f = instr_flag(i, name);
    int64_t ns = 0;

    if (f && f->value.n && !num_parse_duration_ns(f->value, &ns))
        return err_set(err, ERR_SYNTAX, "invalid duration " STR_FMT " for --%s",
                       STR_ARG(text_quote(&a, f->value)), name);
    if (ns != 0 && ns < MIN_NS)
        return err_set(err, ERR_SYNTAX, "Interval \"%s\" cannot be less than 1ms", name);
    *ret = ns;
    return 0;
}

static int read_retries(const Instr *i, int64_t *ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    const Flag *f = instr_flag(i, "retries");
    Str digits = f ? f->value : S("");
    bool negative = str_starts(digits, S("-"));
    uint64_t n = 0;

    if (negative || str_starts(digits, S("+")))
        digits = str_skip(digits, 1);
    if (f && f->value.n && !num_parse_u64(digits, INT32_MAX, &n))
        return err_set(err, ERR_SYNTAX, "invalid number " STR_FMT " for --retries",
                       STR_ARG(text_quote(&a, f->value)));
    if (negative && n > 0)
        return err_set(err, ERR_SYNTAX, "--retries cannot be negative (-%llu)",
                       (unsigned long long)n);
    *ret = (int64_t)n;
    return 0;
}

static int check_type(const Instr *i, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;

    if (i->health_type.n == 0)
        return err_set(err, ERR_SYNTAX, "HEALTHCHECK requires at least one argument");
    if (str_eq(i->health_type, S("NONE"))) {
        if (i->args.n)
            return err_set(err, ERR_SYNTAX, "HEALTHCHECK NONE takes no arguments");
        return 0;
    }
    if (!str_eq(i->health_type, S("CMD")))
        return err_set(err, ERR_SYNTAX, "Unknown type " STR_FMT " in HEALTHCHECK (try CMD)",
                       STR_ARG(text_quote(&a, i->health_type)));
    if (i->args.n == 0)
        return err_set(err, ERR_SYNTAX, "Missing command after HEALTHCHECK CMD");
    return 0;
}

int healthcheck_check(const Instr *i, Healthcheck *ret, Err *err)
{
    Healthcheck h = {.set = true};

    TRY(check_type(i, err));
    TRY(read_duration(i, "interval", &h.interval_ns, err));
    TRY(read_duration(i, "timeout", &h.timeout_ns, err));
    TRY(read_duration(i, "start-period", &h.start_period_ns, err));
    TRY(read_duration(i, "start-interval", &h.start_interval_ns, err));
    TRY(read_retries(i, &h.retries, err));
    *ret = h;
    return 0;
}

int healthcheck_from(const Instr *i, Arena *a, Healthcheck *ret, Err *err)
{
    Healthcheck h = {0};

    TRY(healthcheck_check(i, &h, err));
    if (str_eq(i->health_type, S("NONE")))
        vec_push(&h.test, S("NONE"));
    else
        vec_push(&h.test, i->exec_form ? S("CMD") : S("CMD-SHELL"));
    vec_foreach(arg, &i->args)
        vec_push(&h.test, str_dup_in(a, *arg));
    *ret = h;
    return 0;
}
