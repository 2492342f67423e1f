/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ways to say the same: kaniko's --cache with --cache-repo, and buildx's --cache-from and
 * --cache-to, which name each cache and may be repeated.
 */
#include "cli/request_cache.h"

#include "cache/mounts.h"
#include "cli/values.h"

#define DEFAULT_TTL_NS       (INT64_C(14) * 24 * 3600 * 1000000000) /* kaniko's: two weeks */
#define DEFAULT_MOUNTS_LIMIT ((uint64_t)3 << 30)

/* "oci:PATH", or a repository; what stands behind it as a tag is not kaniko's. */
static int parse_repo(Request *r, const char *text, CacheSpec *ret, Err *err)
{
    *ret = (CacheSpec){.max = true};
    if (strncmp(text, "oci:", 4) == 0) {
        ret->kind = CACHE_LAYOUT;
        ret->path = text + 4;
        if (!*ret->path)
            return err_set(err, ERR_USAGE, "--cache-repo oci: the path is empty");
        return 0;
    }
    TRY(reference_parse(&r->arena, str_from(text), &ret->ref, err));
    ret->ref.tag = S("");
    return 0;
}

static int default_repo(Front front, Request *r, CacheSpec *ret, Err *err)
{
    const Reference *to = r->build.tags.n ? r->build.tags.v : NULL;

    *ret = (CacheSpec){.max = true};
    if (front == FRONT_BUILD && !r->build.push) {
        ret->kind = CACHE_LOCAL;
        return 0;
    }
    if (!to)
        return err_set(err, ERR_USAGE,
                       "--cache with --no-push needs --cache-repo REPOSITORY (or oci:PATH)");
    ret->ref =
        (Reference){.registry = to->registry,
                    .repository = str_fmt_in(&r->arena, STR_FMT "/cache", STR_ARG(to->repository)),
                    .tag = S("")};
    return 0;
}

static int fill_kaniko(Front front, const Settings *s, Request *r, Err *err)
{
    CacheSpec spec;

    if (!s->cache)
        return 0;
    if (s->cache_repo && *s->cache_repo)
        TRY(parse_repo(r, s->cache_repo, &spec, err));
    else
        TRY(default_repo(front, r, &spec, err));
    vec_push(&r->build.cache_from, spec);
    if (!s->no_push_cache)
        vec_push(&r->build.cache_to, spec);
    return 0;
}

/* --- buildx --- */

typedef struct Buildx {
    const char *option;
    Str type, ref, src, dest, mode;
} Buildx;

static int parse_field(Str field, Buildx *x, Err *err)
{
    const struct {
        Str name;
        Str *to;
    } fields[] = {{S("type"), &x->type},
                  {S("ref"), &x->ref},
                  {S("src"), &x->src},
                  {S("dest"), &x->dest},
                  {S("mode"), &x->mode}};
    Str key, value;

    if (!str_cut(field, '=', &key, &value))
        return err_set(err, ERR_USAGE, "%s: expected key=value, got \"" STR_FMT "\"", x->option,
                       STR_ARG(field));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (str_eq(key, fields[i].name)) {
            *fields[i].to = value;
            return 0;
        }
    return err_set(err, ERR_UNSUPPORTED,
                   "%s: \"" STR_FMT "\" is not supported (type, ref, src, dest, mode)", x->option,
                   STR_ARG(field));
}

static int parse_buildx(Str text, Buildx *x, Err *err)
{
    if (!str_contains(text, S("="))) { /* a reference alone */
        x->type = S("registry");
        x->ref = text;
        return 0;
    }
    for (Str rest = text, field; str_next(&rest, ',', &field);)
        TRY(parse_field(field, x, err));
    return 0;
}

static int need(const Buildx *x, const char *name, Str value, Err *err)
{
    if (value.n)
        return 0;
    return err_set(err, ERR_USAGE, "%s type=" STR_FMT ": %s= is missing", x->option,
                   STR_ARG(x->type), name);
}

static bool has_tag(Str ref)
{
    return str_contains(path_base(ref), S(":"));
}

static int make_spec(Request *r, const Buildx *x, bool to, CacheSpec *ret, Err *err)
{
    *ret = (CacheSpec){.max = str_eq(x->mode, S("max"))};
    if (x->mode.n && !ret->max && !str_eq(x->mode, S("min")))
        return err_set(err, ERR_USAGE, "%s: mode=" STR_FMT ": choose min or max", x->option,
                       STR_ARG(x->mode));
    if (str_eq(x->type, S("registry"))) {
        TRY(need(x, "ref", x->ref, err));
        TRY(reference_parse(&r->arena, x->ref, &ret->ref, err));
        if (!has_tag(x->ref))
            ret->ref.tag = S("");
        if (ret->ref.tag.n > 60)
            return err_set(err, ERR_USAGE, "%s: the tag \"" STR_FMT "\" has more than 60 letters",
                           x->option, STR_ARG(ret->ref.tag));
        return 0;
    }
    if (!str_eq(x->type, S("local")))
        return err_set(err, ERR_UNSUPPORTED,
                       "%s type=" STR_FMT " is not supported (registry, local)", x->option,
                       STR_ARG(x->type));
    TRY(need(x, to ? "dest" : "src", to ? x->dest : x->src, err));
    ret->kind = CACHE_LAYOUT;
    ret->path = str_dup_in(&r->arena, to ? x->dest : x->src).p;
    return 0;
}

static int fill_buildx(const Settings *s, Request *r, Err *err)
{
    vec_foreach(text, &s->cache_from) {
        Buildx x = {.option = "--cache-from"};
        CacheSpec spec;

        TRY(parse_buildx(*text, &x, err));
        TRY(make_spec(r, &x, false, &spec, err));
        vec_push(&r->build.cache_from, spec);
    }
    vec_foreach(text, &s->cache_to) {
        Buildx x = {.option = "--cache-to"};
        CacheSpec spec;

        TRY(parse_buildx(*text, &x, err));
        TRY(make_spec(r, &x, true, &spec, err));
        vec_push(&r->build.cache_to, spec);
    }
    return 0;
}

static int keep_size(const Settings *s, BuildRequest *b, Err *err)
{
    const char *env = getenv("KILN_KEEP_SIZE");
    const char *size = s->keep_size ? s->keep_size : env && *env ? env : NULL;

    b->has_keep_bytes = size != NULL;
    return size ? parse_size(size, s->keep_size ? "--keep-size" : "KILN_KEEP_SIZE", &b->keep_bytes,
                             err)
                : 0;
}

static int fill_mounts(const Settings *s, BuildRequest *b, Err *err)
{
    b->cache_mounts = s->cache_mounts;
    b->cache_mounts_limit = DEFAULT_MOUNTS_LIMIT;
    if (s->cache_mounts_limit)
        TRY(parse_size(s->cache_mounts_limit, "--cache-mounts-limit", &b->cache_mounts_limit, err));
    if (b->cache_mounts_limit > MOUNT_LIMIT_MAX)
        return err_set(err, ERR_USAGE, "--cache-mounts-limit %s: more than 20GiB cannot be kept",
                       s->cache_mounts_limit);
    if (b->cache_mounts && b->cache_from.n == 0 && b->cache_to.n == 0)
        return err_set(err, ERR_USAGE,
                       "--cache-mounts needs a cache: --cache, --cache-from or --cache-to");
    return 0;
}

int request_cache(Front front, const Settings *s, Request *r, Err *err)
{
    BuildRequest *b = &r->build;

    TRY(parse_duration(s->cache_ttl, "--cache-ttl", DEFAULT_TTL_NS, &b->cache_ttl_ns, err));
    b->cache_run = s->cache_run_layers;
    b->cache_copy = s->cache_copy_layers || front == FRONT_BUILD;
    b->explain_cache = s->explain_cache;
    TRY(keep_size(s, b, err));
    b->dryrun = s->dryrun;
    TRY(fill_kaniko(front, s, r, err));
    TRY(fill_buildx(s, r, err));
    return fill_mounts(s, b, err);
}
