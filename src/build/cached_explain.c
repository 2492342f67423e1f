/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was found, step by step, with the reason:
 *
 *      [build 2/3] hit 3e2871741f1a COPY a ./
 *      [build 3/3] miss 8169ee0ccb69 RUN make: environment CC differs
 */
#include <stdio.h>

#include "build/cached_internal.h"

enum {
    KEY_SHOWN = 12,
    TEXT_SHOWN = 60,
};

const char *cached_stage_label(const Stage *s, char ret[STAGE_LABEL])
{
    if (s->name.n)
        return s->name.p;
    (void)snprintf(ret, STAGE_LABEL, "stage-%u", s->index);
    return ret;
}

/* The nearest step before it that makes a layer, its base's included; NULL = the base image. */
static const Step *step_before(const Stage *s, size_t n)
{
    for (; s; s = s->base, n = s ? s->steps.n : 0)
        while (n-- > 0)
            if (s->steps.v[n].cache)
                return &s->steps.v[n];
    return NULL;
}

static bool is_missing(const Step *step)
{
    return step && step->cache->enabled && !step->cache->hit;
}

static const Step *last_step(const Stage *s)
{
    return s ? step_before(s, s->steps.n) : NULL;
}

static const char *why_missed(const Builder *b, const Stage *s, size_t n, bool has_record)
{
    const StepCache *c = s->steps.v[n].cache;

    if (!c->enabled)
        return s->steps.v[n].i->kind == INSTR_RUN || s->steps.v[n].i->kind == INSTR_WORKDIR
                   ? "layers of RUN are not cached (--cache-run-layers=false)"
                   : "layers of COPY and ADD are not cached (--cache-copy-layers)";
    if (c->why_not)
        return c->why_not;
    if (!cache_key_is_set(&c->key))
        return "what a step before it makes is not known before it runs";
    if (b->cache->from.n == 0)
        return "no cache is read";
    if (is_missing(step_before(s, n)))
        return "a step before it is not in the cache";
    if (is_missing(last_step(c->from_stage)))
        return "the stage that it copies from is not in the cache";
    return has_record
               ? "the instruction is new"
               : "no earlier build of this Dockerfile, target and platform is on record here";
}

static void explain_miss(const Plan *p, const Json *record, const Stage *s, size_t n, Buf *line)
{
    const StepCache *c = s->steps.v[n].cache;

    buf_add_z(line, ": ");
    /* the first miss of a stage has a reason of its own; what follows has that it follows */
    if (record && c->enabled && cache_key_is_set(&c->key) && !is_missing(step_before(s, n)) &&
        !is_missing(last_step(c->from_stage)) && cached_compare(p, record, s, n, line))
        return;
    buf_add_z(line, why_missed(p->b, s, n, record != NULL));
}

static void explain_step(const Plan *p, const Json *record, const Stage *s, size_t n, Buf *line)
{
    const Step *step = &s->steps.v[n];
    const StepCache *c = step->cache;
    Str text = step->text;
    bool cut = text.n > TEXT_SHOWN;
    char label[STAGE_LABEL];

    buf_addf(line, "[%s %zu/%zu] ", cached_stage_label(s, label), n + 1, s->steps.n);
    if (c)
        buf_addf(line, "%s %.*s ", c->hit ? "hit" : "miss", KEY_SHOWN,
                 cache_key_is_set(&c->key) ? c->key.text : "-");
    buf_addf(line, "%.*s%s", cut ? TEXT_SHOWN : (int)text.n, text.p, cut ? " ..." : "");
    if (c && !c->hit)
        explain_miss(p, record, s, n, line);
}

static void say(const Plan *p, const Buf *line)
{
    const BuildEvents *ev = p->b->req->events;

    if (ev && ev->plan)
        ev->plan(ev->ctx, buf_str(line));
}

static void explain_stage(const Plan *p, const Json *record, const Stage *s)
{
    cleanup_buf Buf line = BUF_INIT(BUF_SMALL);

    buf_addf(&line, "FROM " STR_FMT, STR_ARG(s->base_text));
    if (s->name.n)
        buf_addf(&line, " AS " STR_FMT, STR_ARG(s->name));
    if (!s->needed)
        buf_add_z(&line, ": not needed");
    say(p, &line);
    for (size_t n = 0; n < s->steps.n; n++) {
        buf_truncate(&line, 0);
        explain_step(p, record, s, n, &line);
        say(p, &line);
    }
}

void cached_explain(const Plan *p)
{
    cleanup_with(json_free_at) Json *record = cached_read_record(p);

    vec_foreach(s, &p->stages)
        explain_stage(p, record, *s);
}
