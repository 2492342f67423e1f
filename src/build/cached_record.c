/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record of the last build of a Dockerfile, kept in its caches: which fields the key of each step
 * was made of. With it a miss can be explained by what is different. Values are not in it, but for
 * names of files and variables; digests of values are cut to 64 bits.
 *
 *      {"steps": [{"stage", "text", "before", "own", "inputs": {NAME: DIGEST, ...}}, ...],
 *       "bases": {STAGE: {NAME: DIGEST, ...}, ...}}
 *
 * cached_compare.c reads it.
 */
#include "base/log.h"
#include "build/cached_internal.h"

enum {
    INPUTS_MAX = 10000, /* of all steps: some 600 kB */
};

static CacheKey record_key(const Plan *p, Arena *a)
{
    KeyMaker k = key_begin("record", a, NULL);

    key_add(&k, "dockerfile", p->d->name);
    key_add(&k, "target", p->target->name);
    key_add(&k, "platform", platform_format(a, &p->b->target_platform));
    return key_end(&k);
}

/* --- writing --- */

/* As many as are left. */
static Json *inputs_record(const KeyInputVec *inputs, size_t *left)
{
    size_t n = inputs->n < *left ? inputs->n : *left;
    Json *out = json_new_map();

    for (size_t i = 0; i < n; i++)
        json_set_text(out, inputs->v[i].name.p, str_from(inputs->v[i].digest));
    *left -= n;
    return out;
}

static Json *step_record(const Stage *s, const Step *step, size_t *left)
{
    const StepCache *c = step->cache;
    Json *out = json_new_map();

    json_set_text(out, "stage", s->name);
    json_set_text(out, "text", step->text);
    json_set_text(out, "before", cache_key_str(&c->before));
    json_set_text(out, "own", cache_key_str(&c->own));
    if (c->inputs.n > *left)
        json_set(out, "cut", json_new_int(1));
    json_set(out, "inputs", inputs_record(&c->inputs, left));
    return out;
}

static Json *base_record(const Plan *p, const Stage *s)
{
    cleanup_arena Arena a = ARENA_INIT;
    KeyInputVec inputs = {0};
    size_t left = INPUTS_MAX;
    Json *out;

    (void)cached_base_key(p->b, s, &a, &inputs);
    out = inputs_record(&inputs, &left);
    vec_done(&inputs);
    return out;
}

static Json *make_record(const Plan *p)
{
    Json *doc = json_new_map(), *steps = json_new_list(), *bases = json_new_map();
    size_t left = INPUTS_MAX;

    vec_foreach(s, &p->stages) {
        char name[STAGE_LABEL];

        vec_foreach(step, &(*s)->steps)
            if (step->cache)
                json_append(steps, step_record(*s, step, &left));
        if (!(*s)->base)
            json_set(bases, cached_stage_label(*s, name), base_record(p, *s));
    }
    json_set(doc, "steps", steps);
    json_set(doc, "bases", bases);
    return doc;
}

static int write_record(const Plan *p, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_with(json_free_at) Json *doc = make_record(p);
    CacheKey key = record_key(p, &a);

    return cached_put_document(p->b, &key, doc, err);
}

static bool all_hit(const Plan *p)
{
    vec_foreach(s, &p->stages)
        vec_foreach(step, &(*s)->steps)
            if (step->cache && step->cache->enabled && !step->cache->hit)
                return false;
    return true;
}

void cached_write_record(const Plan *p)
{
    Err err;

    if (!p->b->cache || p->b->cache->to.n == 0 || p->b->req->dryrun || all_hit(p))
        return;
    if (write_record(p, &err) < 0)
        log_debug("the record of this build was not kept: %s", err.msg);
}

/* --- reading --- */

Json *cached_read_record(const Plan *p)
{
    cleanup_arena Arena a = ARENA_INIT;
    CacheKey key = record_key(p, &a);

    return cached_find_document(p->b, &key);
}
