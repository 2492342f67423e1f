/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before anything is built: every stage is followed without files. Metadata instructions really
 * run, on a config that is thrown away; of the others only the key is made. What they do to the
 * file system does not matter for that: it is in the key of the step before.
 */
#include "base/map.h"
#include "build/cached_internal.h"
#include "build/download.h"
#include "dockerfile/parse.h"
#include "os/signal.h"

/* --- keys --- */

static int follow_layer(StageBuild *s, Step *step, Err *err)
{
    step->cache = arena_new(&s->b->arena, StepCache);
    TRY(step_key(s, step, s->b->cache->contents, step->cache, err));
    step->cache->before = s->chain;
    step->cache->key = cached_step_key(s, step->cache);
    s->chain = step->cache->key;
    return 0;
}

/* WORKDIR edits the config as well. */
static int follow_workdir(StageBuild *s, const Step *step, Err *err)
{
    Str dir;

    TRY(step_next_workdir(s, step, &dir, err));
    s->config.working_dir = str_dup_in(&s->config.arena, dir);
    return 0;
}

static int follow_step(StageBuild *s, Step *step, Err *err)
{
    StepReport ignored = {0};
    bool layer;

    s->scope.escape = step->i->source->escape;
    TRY(step_makes_layer(s, step, &layer, err));
    if (layer)
        TRY(follow_layer(s, step, err));
    if (step->i->kind == INSTR_WORKDIR)
        return follow_workdir(s, step, err);
    return layer ? 0 : step_ops(step->i->kind)->run(s, step, &ignored, err);
}

static int follow_stage(Plan *p, Stage *stage, Err *err)
{
    StageBuild *s = NEW(StageBuild);

    stage->built = s;
    s->plan = p;
    s->b = p->b;
    s->stage = stage;
    stage_begin_config(s);
    cached_begin_stage(s);
    TRY(stage_check_memory(s, err));
    vec_foreach(step, &stage->steps) {
        TRY(signal_check(err));
        if (follow_step(s, step, err) < 0 || stage_check_memory(s, err) < 0)
            return err->line ? -1 : dockerfile_error_at(step->d, step->i, S(""), err);
    }
    return 0;
}

static int follow_all(Plan *p, Err *err)
{
    int rc = 0;

    vec_foreach(s, &p->stages)
        if (rc == 0 && (*s)->needed)
            rc = follow_stage(p, *s, err);
    vec_foreach(s, &p->stages)
        stage_free(*s);
    return rc;
}

/* --- the wave --- */

typedef struct Lookup {
    Builder *b;
    const Platform *platform;
    CacheKey key;
    Arena arena;
    CacheHit *hit;
    Task *task;
} Lookup;

static int look_up(void *arg, Err *err)
{
    Lookup *l = arg;

    (void)err;
    cached_find(l->b, &l->key, l->platform, &l->arena, &l->hit);
    return 0;
}

static bool is_looked_up(const Step *step)
{
    return step->cache && step->cache->enabled && cache_key_is_set(&step->cache->key);
}

/* Twice the same key is looked up once. */
static void begin_lookups(Plan *p, Map *all)
{
    Builder *b = p->b;

    vec_foreach(s, &p->stages)
        vec_foreach(step, &(*s)->steps) {
            Lookup *l;

            if (!is_looked_up(step) || map_find(all, cache_key_str(&step->cache->key)))
                continue;
            l = NEW(Lookup);
            *l = (Lookup){.b = b, .platform = &(*s)->platform, .key = step->cache->key};
            l->task = pool_submit(b->cache->pool, look_up, l);
            (void)map_set(all, cache_key_str(&l->key), l);
        }
}

static CacheHit *copy_hit(Arena *a, const CacheHit *h)
{
    CacheHit *c = arena_new(a, CacheHit);

    *c = *h;
    c->entry.layer.media_type = str_dup_in(a, h->entry.layer.media_type);
    c->entry.layer.annotations = NULL;
    c->entry.layer.n_annotations = 0;
    c->entry.layer.urls = NULL;
    c->entry.layer.n_urls = 0;
    c->entry.created_by = str_dup_in(a, h->entry.created_by);
    return c;
}

static void finish_lookups(Plan *p, Map *all)
{
    Builder *b = p->b;

    map_foreach(e, all) {
        Lookup *l = e->value;
        Err ignored;

        (void)!task_join(l->task, &ignored);
        if (l->hit)
            l->hit = copy_hit(&b->arena, l->hit);
        arena_done(&l->arena);
    }
    vec_foreach(s, &p->stages)
        vec_foreach(step, &(*s)->steps)
            if (is_looked_up(step)) {
                const Lookup *l = map_find(all, cache_key_str(&step->cache->key));

                step->cache->hit = l ? l->hit : NULL;
            }
    map_foreach(e, all)
        free(e->value);
    cached_tell(b);
}

/* --- what is needed now --- */

static bool is_hit(const Step *step)
{
    return step->cache && step->cache->hit;
}

typedef void OnStage(Plan *p, Stage *s);

/* What a step that has to be made reads of other stages: COPY --from, RUN --mount=from=. */
static void for_sources(Plan *p, const Stage *s, OnStage *then)
{
    vec_foreach(step, &s->steps) {
        StepSourceVec sources = {0};
        Err ignored; /* it was found when the plan was made */

        if (!step->cache || step->cache->hit)
            continue;
        (void)!plan_step_sources(p, s, step, &sources, &ignored);
        vec_foreach(source, &sources)
            if (source->stage)
                then(p, source->stage);
        vec_done(&sources);
    }
}

static void need(Plan *p, Stage *s)
{
    if (s->needed)
        return;
    s->needed = true;
    if (s->base)
        need(p, s->base);
    for_sources(p, s, need);
}

static bool has_missing_run(const Stage *s)
{
    vec_foreach(step, &s->steps)
        if (step->i->kind == INSTR_RUN && !is_hit(step))
            return true;
    return false;
}

static bool has_missing(const Stage *s)
{
    vec_foreach(step, &s->steps)
        if (step->cache && !step->cache->hit)
            return true;
    return false;
}

bool cached_has_all(const Plan *p)
{
    vec_foreach(s, &p->stages)
        if ((*s)->needed && has_missing(*s))
            return false;
    return p->b->cache != NULL;
}

/* A stage is looked into when a step of its own, of one FROM it, or one that reads it is made. */
static void mark_looked_into(Plan *p, Stage *s)
{
    (void)p;
    for (; s; s = s->base)
        s->from_cache = false;
}

static void mark_stages(Plan *p)
{
    for (size_t n = p->stages.n; n-- > 0;) {
        Stage *s = p->stages.v[n];

        if (!s->needed)
            continue;
        s->runs = s->runs || has_missing_run(s);
        if (s->runs && s->base)
            s->base->runs = true;
        if (has_missing(s))
            mark_looked_into(p, s);
        for_sources(p, s, mark_looked_into);
    }
}

static void prefetch_stage(Builder *b, const Stage *s)
{
    ImageLayerVec layers = {0};

    vec_foreach(step, &s->steps) {
        const CacheHit *h = step->cache ? step->cache->hit : NULL;

        if (h && cache_repo_spec(h->from->repo)->kind == CACHE_REGISTRY) {
            ImageLayer l = {h->entry.layer, h->entry.diff_id, &h->from->origin, true};

            vec_push(&layers, l);
        }
    }
    if (s->runs)
        vec_foreach(l, &layers)
            download_begin(b, l);
    else
        cached_begin_trees(b, &layers);
    cached_find_listings(b, layers.v, layers.n);
    vec_done(&layers);
}

/* Layers that a step is going to stand on are wanted soon. */
static void prefetch(Plan *p)
{
    vec_foreach(s, &p->stages)
        if ((*s)->needed && !(*s)->from_cache)
            prefetch_stage(p->b, *s);
}

/* Also of stages that nothing needs: their steps may be wanted when others miss. */
static int share_hits(Plan *p, Err *err)
{
    vec_foreach(stage, &p->stages) {
        StageBuild s = {.b = p->b, .plan = p, .stage = *stage};

        vec_foreach(step, &(*stage)->steps)
            if (is_hit(step))
                TRY(cached_share(&s, step->cache, step->cache->hit, err));
    }
    return 0;
}

int cached_plan(Plan *p, Err *err)
{
    cleanup_map Map all = {0};

    if (!p->b->cache)
        return 0;
    TRY(follow_all(p, err));
    begin_lookups(p, &all);
    finish_lookups(p, &all);
    vec_foreach(s, &p->stages) {
        (*s)->needed = (*s)->runs = false;
        (*s)->from_cache = true;
    }
    need(p, p->target);
    vec_foreach(s, &p->also)
        need(p, *s);
    mark_stages(p);
    if (p->b->req->dryrun)
        return 0;
    prefetch(p);
    return share_hits(p, err);
}
