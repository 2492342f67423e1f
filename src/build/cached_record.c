/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record of the last build of a Dockerfile, kept in its caches: which fields the key of each step
 * was made of. With it a miss can be explained by what is different. Values are not in it, but for
 * names of files and variables; digests of values are cut to 64 bits.
 *
 *      {"steps": [{"stage", "text", "before", "own", "inputs": {NAME: DIGEST, ...}}, ...]}
 *
 * It is an image without layers, whose config (embedded, as that of an entry) is this document.
 */
#include "base/limits.h"
#include "base/log.h"
#include "build/cached_internal.h"
#include "codec/base64.h"

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

static int format_manifest(Str config, const Descriptor *d, Buf *ret, Err *err)
{
    cleanup_buf Buf data = BUF_INIT(LIMIT_MANIFEST);

    base64_encode(BASE64_STANDARD, config, &data);
    buf_addf(ret,
             "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST
             "\",\"config\":{\"mediaType\":\"" STR_FMT
             "\",\"digest\":\"%s\",\"size\":%zu,\"data\":\"",
             STR_ARG(d->media_type), d->digest.text, config.n);
    buf_add(ret, buf_str(&data));
    buf_add_z(ret, "\"},\"layers\":[]}");
    TRY(buf_check(&data, "the record", err));
    return buf_check(ret, "the record", err);
}

static int write_record(const Plan *p, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_with(json_free_at) Json *doc = make_record(p);
    cleanup_buf Buf config = BUF_INIT(LIMIT_MANIFEST / 2), manifest = BUF_INIT(LIMIT_MANIFEST);
    CacheKey key = record_key(p, &a);
    Descriptor d = {.media_type = S(MEDIA_OCI_CONFIG)};
    CacheWrite w = {.keys = &key, .n_keys = 1, .config = &d, .mount_from = S("")};

    json_format(doc, 0, &config);
    TRY(buf_check(&config, "the record", err));
    d.digest = digest_of(buf_str(&config));
    d.size = config.n;
    TRY(format_manifest(buf_str(&config), &d, &manifest, err));
    w.config_json = buf_str(&config);
    w.manifest = buf_str(&manifest);
    vec_foreach(to, &p->b->cache->to)
        if (!atomic_load(&(*to)->broken))
            TRY(cache_repo_put((*to)->repo, &w, err));
    return 0;
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

static bool parse_record(Str manifest, Json **ret)
{
    cleanup_with(json_free_at) Json *doc = NULL;
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    Str data;
    Err err;

    return json_parse(manifest, "manifest", &doc, &err) == 0 &&
           json_get_text(json_find(json_find(doc, "config"), "data"), &data) &&
           base64_decode(BASE64_STANDARD, data, &text) &&
           json_parse(buf_str(&text), "record", ret, &err) == 0;
}

Json *cached_read_record(const Plan *p)
{
    cleanup_arena Arena a = ARENA_INIT;
    CacheKey key = record_key(p, &a);
    Json *doc = NULL;

    if (!p->b->cache)
        return NULL;
    vec_foreach(from, &p->b->cache->from) {
        cleanup_buf Buf manifest = BUF_INIT(LIMIT_MANIFEST);
        Err err;

        if (!doc && !atomic_load(&(*from)->broken) &&
            cache_repo_find((*from)->repo, &key, &manifest, &err) > 0 &&
            !parse_record(buf_str(&manifest), &doc))
            doc = NULL;
    }
    return doc;
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
