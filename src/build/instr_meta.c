/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EXPOSE, VOLUME, USER, STOPSIGNAL, MAINTAINER, ONBUILD: members of the config.
 */
#include "build/steps.h"
#include "dockerfile/expose.h"
#include "dockerfile/stopsignal.h"

/* "NAME [a b]" */
static void history_of_words(StageBuild *s, const char *name, const StrVec *words)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    buf_addf(&text, "%s [", name);
    for (size_t i = 0; i < words->n; i++)
        buf_addf(&text, i ? " " STR_FMT : STR_FMT, STR_ARG(words->v[i]));
    buf_add_char(&text, ']');
    stage_history(s, buf_str(&text), true);
}

static void history_of_text(StageBuild *s, const char *name, Str text)
{
    stage_history(s, str_fmt_in(&s->arena, "%s " STR_FMT, name, STR_ARG(text)), true);
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const Str *)a, *(const Str *)b);
}

static int expand_ports(StageBuild *s, const Instr *i, StrVec *words, StrVec *ports, Err *err)
{
    vec_foreach(w, &i->args)
        vec_push(words, *w);
    if (words->n > 1)
        qsort(words->v, words->n, sizeof(Str), by_text);
    for (size_t n = 0, end = words->n; n < end; n++) {
        StrVec parts = {0};
        int rc = scope_expand_words(&s->scope, words->v[n], &parts, err);

        for (size_t k = 0; rc == 0 && k < parts.n; k++)
            rc = expose_parse(&s->config.arena, parts.v[k], ports, err);
        vec_done(&parts);
        TRY(rc);
    }
    return 0;
}

static int run_expose(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    StrVec words = {0}, ports = {0};
    int rc = expand_ports(s, step->i, &words, &ports, err);

    (void)report;
    if (rc == 0) {
        vec_foreach(p, &ports)
            str_set_add(&s->config.exposed_ports, &s->config.arena, *p);
        history_of_words(s, "EXPOSE", &ports);
    }
    vec_done(&words);
    vec_done(&ports);
    return rc;
}

static int run_volume(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    StrVec volumes = {0};
    int rc = 0;

    (void)report;
    for (size_t n = 0; rc == 0 && n < step->i->args.n; n++) {
        Str v = str_trim(step->i->args.v[n]);

        if (v.n == 0)
            rc = err_set(err, ERR_SYNTAX, "VOLUME specified can not be an empty string");
        else
            rc = stage_expand(s, v, &v, err);
        vec_push(&volumes, v);
    }
    if (rc == 0) {
        vec_foreach(v, &volumes)
            str_set_add(&s->config.volumes, &s->config.arena, *v);
        history_of_words(s, "VOLUME", &volumes);
    }
    vec_done(&volumes);
    return rc;
}

static int run_user(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    Str user;

    (void)report;
    TRY(stage_expand(s, step->i->args.v[0], &user, err));
    s->config.user = str_dup_in(&s->config.arena, user);
    history_of_text(s, "USER", user);
    return 0;
}

static int run_stopsignal(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    Str signal;

    (void)report;
    TRY(stage_expand(s, step->i->args.v[0], &signal, err));
    TRY(stopsignal_check(signal, err));
    s->config.stop_signal = str_dup_in(&s->config.arena, signal);
    history_of_text(s, "STOPSIGNAL", signal);
    return 0;
}

static int run_maintainer(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    (void)report;
    (void)err;
    s->config.author = str_dup_in(&s->config.arena, step->i->args.v[0]);
    history_of_text(s, "MAINTAINER", s->config.author);
    return 0;
}

static int run_onbuild(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    (void)report;
    (void)err;
    vec_push(&s->config.on_build, str_dup_in(&s->config.arena, step->i->args.v[0]));
    return 0;
}

const StepOps step_expose = {.run = run_expose};
const StepOps step_volume = {.run = run_volume};
const StepOps step_user = {.run = run_user};
const StepOps step_stopsignal = {.run = run_stopsignal};
const StepOps step_maintainer = {.run = run_maintainer};
const StepOps step_onbuild = {.run = run_onbuild};
