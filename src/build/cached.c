/* SPDX-License-Identifier: Apache-2.0 */
#include "build/cached_internal.h"
#include "net/http.h"

/* --- keys as the build goes on --- */

CacheKey cached_base_key(const Builder *b, const Stage *stage, Arena *a, KeyInputVec *inputs)
{
    const BuildRequest *req = b->req;
    cleanup_with(key_done) KeyMaker k = key_begin("base", a, inputs);

    key_add(&k, "image", str_from(stage->image ? stage->image->desc.digest.text : "scratch"));
    key_add(&k, "platform", platform_format(a, &stage->platform));
    /* no instruction sees these, but every layer's bytes depend on them */
    key_add_number(&k, "compression", req->codec.kind);
    key_add_number(&k, "level", req->codec.level);
    key_add_number(&k, "gzip", req->codec.gzip);
    key_add_bool(&k, "epoch", req->has_epoch);
    key_add_number(&k, "epoch", req->has_epoch ? req->epoch_ns : 0);
    vec_foreach(pattern, &req->ignored_paths)
        key_add(&k, "ignored path", *pattern);
    return key_end(&k);
}

void cached_begin_stage(StageBuild *s)
{
    const Stage *stage = s->stage;

    if (!s->b->cache)
        return;
    if (stage->base) {
        s->chain = stage->base->built->chain;
        s->state = stage->base->built->state;
        s->rebuilt = stage->base->built->rebuilt;
        return;
    }
    s->chain = s->state = cached_base_key(s->b, stage, &s->arena, NULL);
}

static CacheKey next_state(StageBuild *s, const Digest *diff_id)
{
    KeyMaker k = key_begin("state", &s->arena, NULL);

    key_add_key(&k, "before", &s->state);
    key_add(&k, "layer", str_from(diff_id->text));
    return key_end(&k);
}

CacheKey cached_step_key(StageBuild *s, const StepCache *c)
{
    const Stage *from = c->from_stage;
    CacheKey none = {0};
    KeyMaker k;

    if (c->why_not || !cache_key_is_set(&s->chain) ||
        (from && !cache_key_is_set(&from->built->chain)))
        return none;
    vec_foreach(m, &c->mounts)
        if (m->stage && !cache_key_is_set(&m->stage->built->chain))
            return none;
    k = key_begin("step", &s->arena, NULL);
    key_add_key(&k, "before", &s->chain);
    key_add_key(&k, "own", &c->own);
    if (from)
        key_add_key(&k, "from stage", &from->built->chain);
    if (c->from_image)
        key_add(&k, "from image", str_from(c->from_image->desc.digest.text));
    vec_foreach(m, &c->mounts)
        key_add(&k, "mounted",
                m->stage ? cache_key_str(&m->stage->built->chain)
                         : str_from(m->image->desc.digest.text));
    return key_end(&k);
}

/* Unset when it cannot be known. */
static int content_key(StageBuild *s, const Step *step, CacheKey *ret, Err *err)
{
    StepCache *c = step->cache;
    KeyMaker k;

    *ret = (CacheKey){0};
    if (c->why_not)
        return 0;
    if (c->from_stage && !cache_key_is_set(&c->contents))
        TRY(step_contents_key(s, step, stage_rootfs(c->from_stage), &c->contents, err));
    k = key_begin("content", &s->arena, NULL);
    key_add_key(&k, "before", &s->state);
    key_add_key(&k, "own", &c->own);
    if (c->from_stage)
        key_add_key(&k, "contents", &c->contents);
    if (c->from_image)
        key_add(&k, "from image", str_from(c->from_image->desc.digest.text));
    vec_foreach(m, &c->mounts)
        key_add(&k, "mounted",
                m->stage ? cache_key_str(&m->stage->built->state)
                         : str_from(m->image->desc.digest.text));
    *ret = key_end(&k);
    return 0;
}

/* --- taking --- */

static int finish_step(StageBuild *s, const Step *step, Err *err)
{
    Str dir;

    if (step->i->kind != INSTR_WORKDIR)
        return 0;
    TRY(step_next_workdir(s, step, &dir, err));
    s->config.working_dir = str_dup_in(&s->config.arena, dir);
    return 0;
}

static ImageLayer layer_of(const CacheHit *h)
{
    bool local = cache_repo_spec(h->from->repo)->kind == CACHE_LOCAL;

    return (ImageLayer){h->entry.layer, h->entry.diff_id, local ? NULL : &h->from->origin, true};
}

int cached_share(StageBuild *s, const StepCache *c, const CacheHit *h, Err *err)
{
    ImageLayer layer = layer_of(h);
    CacheNew n = {.entry = h->entry, .layer = &layer, .from = h->from};

    if (!cache_key_is_set(&c->key))
        return 0;
    n.entry.key = c->key;
    return cached_write(s, &n, err);
}

static int use(StageBuild *s, const Step *step, const CacheHit *h, StepReport *report, Err *err)
{
    ImageLayer layer = layer_of(h);

    TRY(finish_step(s, step, err));
    rootfs_add_cached(s->fs, &layer);
    vec_push(&s->config.diff_ids, layer.diff_id);
    s->content_ns = h->entry.content_ns;
    stage_history(s, h->entry.created_by, false);
    report->has_layer = report->cached = true;
    report->layer_bytes = layer.desc.size;
    report->files = h->entry.files;
    report->deletions = h->entry.deletions;
    s->chain = step->cache->key;
    s->state = next_state(s, &layer.diff_id);
    return 1;
}

/* Was anything that the step stands on made again? Else its content key cannot know more. */
static bool is_rebuilt(const StageBuild *s, const StepCache *c)
{
    vec_foreach(m, &c->mounts)
        if (m->stage && m->stage->built->rebuilt)
            return true;
    return s->rebuilt || !cache_key_is_set(&c->key) ||
           (c->from_stage && c->from_stage->built->rebuilt);
}

/* Under the step's own key too, so that the next build finds it in its first wave. */
static int remember(StageBuild *s, const StepCache *c, const CacheHit *h, Err *err)
{
    ImageLayer layer = layer_of(h);
    CacheNew n = {.entry = h->entry, .layer = &layer, .only = h->from};

    if (!cache_key_is_set(&c->key))
        return 0;
    n.entry.key = c->key;
    return cached_write(s, &n, err);
}

/*
 * While "/" is away a layer may turn out to be on a server whose address nobody knows: it is fetched before anything
 * depends on it.
 */
static bool is_within_reach(const StageBuild *s, const CacheHit *h)
{
    ImageLayer layer = layer_of(h);
    Err err;
    int rc;

    if (!cached_is_away(s->b) || !layer.origin || !layer.origin->in_registry)
        return true;
    layer.cached = false; /* the step can be done: no reason to begin anew without caches */
    http_known_names_only(true);
    rc = layer_fetch(s->b, &layer, &err);
    http_known_names_only(false);
    if (rc < 0)
        cached_find_failed(s->b, h->from, &err);
    return rc == 0;
}

static int take_by_content(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    const StepCache *c = step->cache;
    CacheHit *h = NULL;
    CacheKey key;

    if (!is_rebuilt(s, c))
        return 0;
    TRY(content_key(s, step, &key, err));
    if (cache_key_is_set(&key))
        cached_find(s->b, &key, &s->stage->platform, &s->b->arena, &h);
    cached_tell(s->b);
    if (!h || !is_within_reach(s, h))
        return 0;
    s->rebuilt = true;
    TRY(remember(s, c, h, err));
    TRY(cached_share(s, c, h, err));
    return use(s, step, h, report, err);
}

int cached_take(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    const StepCache *c = step->cache;

    if (!s->b->cache || !c || !c->enabled)
        return 0;
    if (c->hit)
        return use(s, step, c->hit, report, err);
    return take_by_content(s, step, report, err);
}

/* --- keeping --- */

/*
 * Was the layer made from what was hashed? A file that an editor writes meanwhile must not be
 * found under the key of the one before.
 */
static bool is_unchanged(StageBuild *s, const StepCache *c)
{
    BuildCache *cache = s->b->cache;
    const Node *which = NULL;
    int changed = 0;
    Err err;

    for (size_t i = 0; changed == 0 && i < c->shown.n; i++)
        changed = contents_changed(cache->contents, context_files(c->shown.v[i].context),
                                   &c->shown.v[i].files, &which, &err);
    if (changed == 0)
        return true;
    cache->unsafe = true;
    builder_warn(s->b,
                 "%s in the context changed during the build: from here on nothing is stored in "
                 "the cache",
                 which ? which->name : "a file");
    return false;
}

static int keep(StageBuild *s, const Step *step, const StepReport *report, Err *err)
{
    const StepCache *c = step->cache;
    const ImageLayer *layer = &s->fs->layers.v[s->fs->layers.n - 1];
    const History *h = &s->config.history.v[s->config.history.n - 1];
    CacheNew n = {.layer = layer};

    n.entry =
        (CacheEntry){.key = c->key,
                     .platform = s->stage->platform,
                     .layer = layer->desc,
                     .diff_id = layer->diff_id,
                     .written_ns = s->b->now_ns,
                     .content_ns = s->content_ns < s->b->now_ns ? s->content_ns : s->b->now_ns,
                     .created_by = h->created_by,
                     .files = report->files,
                     .deletions = report->deletions};
    TRY(content_key(s, step, &n.entry.content_key, err));
    if (!cache_key_is_set(&n.entry.key) && !cache_key_is_set(&n.entry.content_key))
        return 0;
    cached_list_kept(s->b, layer);
    return cached_write(s, &n, err);
}

int cached_keep(StageBuild *s, const Step *step, const StepReport *report, Err *err)
{
    StepCache *c = step->cache;
    BuildCache *cache = s->b->cache;

    if (!cache || !c)
        return 0;
    s->rebuilt = true;
    if (c->enabled && cache->to.n && !cache->unsafe && is_unchanged(s, c))
        TRY(keep(s, step, report, err));
    s->chain = c->key;
    s->state = next_state(s, &s->fs->layers.v[s->fs->layers.n - 1].diff_id);
    return 0;
}
