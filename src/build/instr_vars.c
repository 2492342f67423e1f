/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ARG, ENV, LABEL: pairs. A whole instruction sees the variables from before it; ARG's words see
 * one another.
 */
#include "base/limits.h"
#include "build/steps.h"

typedef struct Pairs {
    KeyValueVec v;
    Buf text; /* "ENV a=1 b=2" for the history */
} Pairs;

static int expand_pairs(StageBuild *s, const Instr *i, Pairs *ret, Err *err)
{
    buf_add_z(&ret->text, instr_name(i->kind));
    vec_foreach(w, &i->pairs) {
        KeyValue kv;

        TRY(stage_expand(s, w->name, &kv.key, err));
        TRY(stage_expand(s, w->value, &kv.value, err));
        if (kv.key.n == 0)
            return err_set(err, ERR_SYNTAX, "%s names can not be blank", instr_name(i->kind));
        buf_addf(&ret->text, " " STR_FMT "=" STR_FMT, STR_ARG(kv.key), STR_ARG(kv.value));
        vec_push(&ret->v, kv);
    }
    return buf_check(&ret->text, "the instruction", err);
}

/* They are kept in lists that are searched. */
static int check_count(const KeyValueVec *have, const Pairs *more, Err *err)
{
    if (have->n + more->v.n <= LIMIT_VARIABLES)
        return 0;
    return err_set(err, ERR_LIMIT, "the image would have more than %u of them", LIMIT_VARIABLES);
}

static void pairs_done(Pairs *p)
{
    vec_done(&p->v);
    buf_done(&p->text);
}

static int run_env(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    cleanup_with(pairs_done) Pairs p = {.text = BUF_INIT(BUF_SMALL)};

    (void)report;
    TRY(expand_pairs(s, step->i, &p, err));
    TRY(check_count(&s->config.env, &p, err));
    vec_foreach(kv, &p.v) {
        key_values_set(&s->config.env, &s->config.arena, kv->key, kv->value);
        scope_set(&s->scope, kv->key, kv->value);
    }
    stage_history(s, buf_str(&p.text), true);
    return 0;
}

static int run_label(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    cleanup_with(pairs_done) Pairs p = {.text = BUF_INIT(BUF_SMALL)};

    (void)report;
    TRY(expand_pairs(s, step->i, &p, err));
    TRY(check_count(&s->config.labels, &p, err));
    vec_foreach(kv, &p.v)
        key_values_set(&s->config.labels, &s->config.arena, kv->key, kv->value);
    stage_history(s, buf_str(&p.text), true);
    return 0;
}

static int run_arg(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    (void)report;
    buf_add_z(&text, "ARG");
    vec_foreach(w, &step->i->pairs) {
        Str name, value;
        bool set;

        TRY(scope_declare_arg(&s->scope, w, &name, &value, &set, err));
        buf_addf(&text, set ? " " STR_FMT "=" STR_FMT : " " STR_FMT, STR_ARG(name), STR_ARG(value));
    }
    stage_history(s, buf_str(&text), true);
    return 0;
}

const StepOps step_arg = {.run = run_arg};
const StepOps step_env = {.run = run_env};
const StepOps step_label = {.run = run_label};
