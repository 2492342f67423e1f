/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record of the last build of a Dockerfile, kept in its caches: which fields the key of each step
 * was made of. With it a miss can be explained by what is different. Values are not in it, but for
 * names of files and variables; digests of values are cut to 64 bits.
 *
 *      {"steps": [{"stage", "text", "before", "own", "inputs": {NAME: DIGEST, ...}}, ...]}
 */
#include "base/log.h"
#include "build/cached_internal.h"

enum {
    INPUTS_MAX = 500, /* of one step */
    NAMES_SHOWN = 4,
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

static Json *step_record(const Stage *s, const Step *step)
{
    const StepCache *c = step->cache;
    Json *out = json_new_map(), *inputs = json_new_map();

    json_set_text(out, "stage", s->name);
    json_set_text(out, "text", step->i->original);
    json_set_text(out, "before", cache_key_str(&c->before));
    json_set_text(out, "own", cache_key_str(&c->own));
    for (size_t i = 0; i < c->inputs.n && i < INPUTS_MAX; i++)
        json_set_text(inputs, c->inputs.v[i].name.p, str_from(c->inputs.v[i].digest));
    json_set(out, "inputs", inputs);
    return out;
}

static Json *make_record(const Plan *p)
{
    Json *doc = json_new_map(), *steps = json_new_list();

    vec_foreach(s, &p->stages)
        vec_foreach(step, &(*s)->steps)
            if (step->cache)
                json_append(steps, step_record(*s, step));
    json_set(doc, "steps", steps);
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

/* --- comparing --- */

static Str member(const Json *j, const char *name)
{
    Str s = S("");

    (void)json_get_text(json_find(j, name), &s);
    return s;
}

static unsigned likeness(const Json *old, const Stage *s, const Step *step)
{
    Str text = member(old, "text"), word = str_from(instr_name(step->i->kind));

    if (text.n < word.n || !str_eq_nocase(str_head(text, word.n), word))
        return 0;
    return 1u + (str_eq(text, step->i->original) ? 4u : 0u) +
           (str_eq(member(old, "stage"), s->name) ? 2u : 0u) +
           (str_eq(member(old, "before"), cache_key_str(&step->cache->before)) ? 8u : 0u);
}

static const Json *nearest(const Json *record, const Stage *s, const Step *step)
{
    const Json *steps = json_find(record, "steps"), *best = NULL;
    unsigned most = 2; /* the same instruction of another stage on something else is no relative */

    for (size_t i = 0; i < json_count(steps); i++) {
        const Json *old = json_at(steps, i);
        unsigned n = likeness(old, s, step);

        if (n > most) {
            most = n;
            best = old;
        }
    }
    return best;
}

static void add_name(Buf *out, unsigned *n, const char *what, Str name)
{
    if (*n < NAMES_SHOWN)
        buf_addf(out, "%s" STR_FMT " %s", *n ? ", " : "", STR_ARG(name), what);
    (*n)++;
}

static bool has_input(const StepCache *c, Str name)
{
    vec_foreach(in, &c->inputs)
        if (str_eq(in->name, name))
            return true;
    return false;
}

static void add_differences(const StepCache *c, const Json *old, Buf *out)
{
    const Json *inputs = json_find(old, "inputs");
    unsigned n = 0;

    for (size_t i = 0; i < c->inputs.n && i < INPUTS_MAX; i++) {
        Str was;

        if (!json_get_text(json_find(inputs, c->inputs.v[i].name.p), &was))
            add_name(out, &n, "is new", c->inputs.v[i].name);
        else if (!str_eq(was, str_from(c->inputs.v[i].digest)))
            add_name(out, &n, "differs", c->inputs.v[i].name);
    }
    for (JsonIter it = {0}; json_next(inputs, &it);)
        if (!has_input(c, it.key))
            add_name(out, &n, "is gone", it.key);
    if (n > NAMES_SHOWN)
        buf_addf(out, " and %u more", n - NAMES_SHOWN);
    if (n == 0)
        buf_add_z(out, "one of many inputs differs");
}

bool cached_compare(const Json *record, const Stage *s, const Step *step, Buf *out)
{
    const StepCache *c = step->cache;
    const Json *old = nearest(record, s, step);

    if (!old)
        return false;
    if (!str_eq(member(old, "own"), cache_key_str(&c->own)))
        add_differences(c, old, out);
    else if (!str_eq(member(old, "before"), cache_key_str(&c->before)))
        buf_add_z(out, "what is below it differs (the base image, the platform, SOURCE_DATE_EPOCH "
                       "or an earlier step)");
    else if (c->from_stage || c->from_image || c->mounts.n)
        buf_add_z(out, "what it takes from another stage or image differs");
    else
        buf_add_z(out, "it was made before, but its entry is gone or too old");
    return true;
}
