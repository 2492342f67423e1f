/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a build: plan, then stage after stage, then the outputs. A stage's root file system
 * is let go as soon as nobody is going to read it any more.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/limits.h"
#include "base/log.h"
#include "build/build.h"
#include "build/build_args.h"
#include "build/cached.h"
#include "build/damage.h"
#include "build/download.h"
#include "build/export.h"
#include "build/mount_source.h"
#include "build/named.h"
#include "build/plan.h"
#include "build/push.h"
#include "build/steps.h"
#include "cache/dir.h"
#include "cache/prune.h"
#include "dockerfile/parse.h"
#include "os/file.h"
#include "os/signal.h"

enum {
    NET_THREADS = 3 /* more only make the first layer, which unpacking waits for, come later */
};

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- the builder --- */

static int builder_open(const BuildRequest *req, Builder *b, Err *err)
{
    *b = (Builder){.req = req,
                   .now_ns = clock_ns(CLOCK_REALTIME),
                   .dir_lock = -1,
                   .remote_files = REMOTE_SPOOL_NONE};
    b->build_platform = platform_host();
    b->target_platform = req->has_platform ? req->platform : b->build_platform;
    if (file_check_target(req->kiln_dir, true, true, err) < 0 ||
        cache_dir_open(req->kiln_dir, &b->store, &b->dir_lock, err) < 0)
        return err_wrap(err, "the kiln directory %s (choose another with --kiln-dir)",
                        req->kiln_dir);
    b->cpu = pool_new(cpu_count());
    b->net = pool_new(NET_THREADS);
    return 0;
}

static void builder_close(Builder *b)
{
    cached_free(b);
    push_done(b);
    named_done(b);
    downloads_done(b);
    mount_sources_free(b);
    remote_spool_done(&b->remote_files);
    vec_foreach(i, &b->images)
        image_free(*i);
    vec_done(&b->images);
    pool_free(b->net);
    pool_free(b->cpu);
    registry_free(b->registry);
    sandbox_free(b->sandbox);
    store_free(b->store);
    close_at(&b->dir_lock);
    arena_done(&b->arena);
}

int builder_registry(Builder *b, Registry **ret, Err *err)
{
    if (!b->registry)
        TRY(registry_new(b->req->registry, &b->registry, err));
    *ret = b->registry;
    return 0;
}

/*
 * What must not be moved out of "/": where kaniko's users have their files (another process may run
 * the program again), the shell of the debug image, the layouts that bases are still read from.
 */
static void paths_to_keep(const Builder *b, StrVec *ret)
{
    static const char *const known[] = {"/kaniko", "/busybox"};

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (access(known[i], F_OK) == 0)
            vec_push(ret, str_from(known[i]));
    vec_foreach(i, &b->images)
        if ((*i)->layout)
            vec_push(ret, str_from(store_dir((*i)->layout)));
    vec_foreach(n, &b->contexts)
        if (context_dir(n->context))
            vec_push(ret, str_from(context_dir(n->context)));
    cached_paths(b, ret);
}

static int open_sandbox(Builder *b, const StrVec *keep, Err *err)
{
    Context *context = b->req->context;
    SandboxOpts o = {.kind = b->req->isolation,
                     .kiln_dir = b->req->kiln_dir,
                     .force = b->req->force,
                     .keep = keep,
                     .context = context_dir(context)};
    int fd;

    TRY(sandbox_open(&o, b->req->launcher, &b->sandbox, err));
    log_debug("sandbox: %s", sandbox_name(b->sandbox));
    if (!o.context)
        return 0;
    fd = sandbox_open_outside(b->sandbox, o.context, err);
    if (fd < 0)
        return err_wrap(err, "the context");
    context_set_dir(context, fd);
    return 0;
}

/*
 * Credentials and certificates are read, and credential helpers asked, while the container's "/" is
 * there and no RUN can see it.
 */
static int prepare_registry(Builder *b, Err *err)
{
    Registry *r;

    if (b->req->push) {
        TRY(builder_registry(b, &r, err));
        vec_foreach(t, &b->req->tags)
            registry_prepare(r, t, true);
    }
    if (!b->registry)
        return 0;
    vec_foreach(c, &b->req->cache_from)
        if (c->ref.repository.n)
            registry_prepare(b->registry, &c->ref, false);
    vec_foreach(c, &b->req->cache_to)
        if (c->ref.repository.n)
            registry_prepare(b->registry, &c->ref, true);
    return 0;
}

int builder_sandbox(Builder *b, Sandbox **ret, Err *err)
{
    StrVec keep = {0};
    int rc = 0;

    if (!b->sandbox) {
        TRY(prepare_registry(b, err));
        paths_to_keep(b, &keep);
        rc = open_sandbox(b, &keep, err);
        vec_done(&keep);
        if (rc == 0 && b->registry && !sandbox_parallel(b->sandbox))
            registry_seal(b->registry, true);
    }
    *ret = b->sandbox;
    return rc;
}

static printf_like(3, 0) void say(const Builder *b, void (*to)(void *, Str), const char *fmt,
                                  va_list ap)
{
    char text[1024];

    if (!to)
        return;
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    to(b->req->events->ctx, str_from(text));
}

void builder_note(const Builder *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(b, b->req->events ? b->req->events->note : NULL, fmt, ap);
    va_end(ap);
}

void builder_warn(const Builder *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(b, b->req->events ? b->req->events->warn : NULL, fmt, ap);
    va_end(ap);
}

int64_t builder_time_ns(const Builder *b)
{
    return b->req->has_epoch ? b->req->epoch_ns : b->now_ns;
}

/* --- one stage --- */

/* RFC 3339 as images have it; 0 when it is missing or odd. */
static int64_t parse_time(Str s)
{
    struct tm tm = {0};
    char text[32];
    time_t t;

    (void)snprintf(text, sizeof(text), STR_FMT, STR_ARG(s));
    if (!strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
        return 0;
    t = timegm(&tm);
    return t < 0 ? 0 : (int64_t)t * 1000000000;
}

static void set_default_path(StageBuild *s)
{
    if (!key_values_find(&s->config.env, S("PATH")))
        key_values_set(&s->config.env, &s->config.arena, S("PATH"), S(DEFAULT_PATH));
}

static int start_from_stage(StageBuild *s, Stage *base, Err *err)
{
    base->readers--;
    s->fs = rootfs_derive(base->built->fs, base->readers > 0);
    return rootfs_activate(s->fs, err);
}

void stage_begin_config(StageBuild *s)
{
    const Stage *stage = s->stage;

    if (stage->base) {
        image_config_copy(&stage->base->built->config, &s->config);
        s->content_ns = stage->base->built->content_ns;
    } else if (stage->image) {
        image_config_copy(&stage->image->config, &s->config);
        s->content_ns = parse_time(s->config.created);
    } else {
        s->config.platform = stage->platform;
        s->config.working_dir = S("/");
    }
    s->config.on_build.n = 0;
    s->config.created = S("");
    set_default_path(s);
    scope_init_stage(&s->scope, &s->plan->global, &s->arena, &s->config.env);
    if (stage->base)
        scope_inherit(&s->scope, &stage->base->built->scope);
}

static void begin_layers(StageBuild *s)
{
    if (s->stage->runs) {
        image_prefetch(s->b, s->stage->image);
        cached_find_listings(s->b, s->fs->layers.v, s->fs->layers.n);
    } else {
        cached_begin_trees(s->b, &s->fs->layers);
    }
}

static int start_stage(StageBuild *s, Err *err)
{
    Stage *stage = s->stage;
    bool local_output = export_is_local(s->b->req);

    stage_begin_config(s);
    cached_begin_stage(s);
    if (stage->base) {
        TRY(start_from_stage(s, stage->base, err));
    } else if (stage->image) {
        s->fs = rootfs_from_image(s->b, stage->image);
        if (!stage->from_cache && (stage_has_files(stage) || stage->readers > 1 ||
                                   stage != s->plan->target || local_output))
            begin_layers(s);
    } else {
        s->fs = rootfs_new(s->b);
    }
    return 0;
}

static int do_step(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    int taken;

    TRY(taken = cached_take(s, step, report, err));
    if (taken)
        return 0;
    TRY(step_ops(step->i->kind)->run(s, step, report, err));
    return cached_keep(s, step, report, err);
}

static int run_step(StageBuild *s, size_t n, Err *err)
{
    const Step *step = &s->stage->steps.v[n];
    const BuildEvents *ev = s->b->req->events;
    int64_t begun = clock_ns(CLOCK_MONOTONIC);
    StepReport report = {
        .stage = s->stage->index + 1,
        .step = (unsigned)n + 1,
        .steps = (unsigned)s->stage->steps.n,
        .stage_name = s->stage->name,
        .text = step->text,
    };

    TRY(signal_check(err));
    TRY(context_check(s->b->req->context, err));
    if (ev && ev->step_begin)
        ev->step_begin(ev->ctx, &report);
    s->scope.escape = step->i->source->escape; /* a trigger's is its own */
    if (do_step(s, step, &report, err) < 0 || stage_check_memory(s, err) < 0)
        return err->line ? -1 : dockerfile_error_at(step->d, step->i, S(""), err);
    report.took_ns = clock_ns(CLOCK_MONOTONIC) - begun;
    if (ev && ev->step_end)
        ev->step_end(ev->ctx, &report);
    return 0;
}

void stage_free(Stage *stage)
{
    StageBuild *s = stage->built;

    if (!s)
        return;
    s->plan->bytes -= s->bytes;
    rootfs_free(s->fs);
    scope_done(&s->scope);
    vec_done(&s->hidden);
    image_config_done(&s->config);
    arena_done(&s->arena);
    free(s);
    stage->built = NULL;
}

/* What this stage has read has one reader less; the last one lets it go. */
static void release_sources(Plan *p, Stage *stage)
{
    vec_foreach(step, &stage->steps) {
        StepSourceVec sources = {0};
        Err ignored;

        (void)!plan_step_sources(p, stage, step, &sources, &ignored);
        vec_foreach(source, &sources)
            if (source->stage && --source->stage->readers == 0)
                stage_free(source->stage);
        vec_done(&sources);
    }
    if (stage->base && stage->base->readers == 0)
        stage_free(stage->base);
}

static int build_stage(Plan *p, Stage *stage, Err *err)
{
    StageBuild *s = NEW(StageBuild);

    stage->built = s;
    s->plan = p;
    s->b = p->b;
    s->stage = stage;
    TRY(start_stage(s, err));
    TRY(stage_check_memory(s, err));
    for (size_t n = 0; n < stage->steps.n; n++)
        TRY(run_step(s, n, err));
    rootfs_settle(s->fs);
    release_sources(p, stage);
    return 0;
}

static int build_stages(Plan *p, Err *err)
{
    vec_foreach(s, &p->stages)
        if ((*s)->needed)
            TRY(build_stage(p, *s, err));
    return 0;
}

/* --- the target --- */

/*
 * No more commands will run. A "/" that was replaced is put back before outputs are written: their
 * paths are the container's, and what looks for hosts and certificates by itself must find the
 * container's.
 */
static void release_sandbox(Plan *p)
{
    Builder *b = p->b;

    if (!b->sandbox || sandbox_parallel(b->sandbox))
        return;
    vec_foreach(s, &p->stages)
        if ((*s)->built)
            rootfs_drop_disk((*s)->built->fs);
    mount_sources_free(b);
    sandbox_free(b->sandbox);
    b->sandbox = NULL;
    if (b->registry)
        registry_seal(b->registry, false);
}

static void finish_config(StageBuild *s)
{
    const BuildRequest *req = s->b->req;

    vec_foreach(kv, &req->labels)
        key_values_set(&s->config.labels, &s->config.arena, kv->key, kv->value);
    if (req->has_platform)
        s->config.platform = req->platform;
    if (s->config.created.n == 0) {
        int64_t ns = req->has_epoch ? req->epoch_ns : s->content_ns;

        s->config.created = time_format_rfc3339(&s->config.arena, ns);
    }
}

/* Findings are warnings, unless the file says that they are errors. */
static int tell_findings(const Plan *p, Err *err)
{
    cleanup_lint_report LintReport report = {0};
    const BuildEvents *ev = p->b->req->events;

    build_args_warn(p->b);
    TRY(plan_lint(p, &report, err));
    if (ev && ev->finding)
        vec_foreach(f, &report.findings)
            ev->finding(ev->ctx, f);
    return lint_verdict(&report, p->d, err);
}

/* 'told': what the linter finds is known already. */
static int build_with(Builder *b, bool told, BuildResult *ret, Err *err)
{
    Plan plan = {0};
    int rc = plan_make(b, b->req->dockerfile, &plan, err);

    if (rc == 0 && !told)
        rc = tell_findings(&plan, err);
    if (rc == 0)
        rc = export_check_outputs(b, err);
    if (rc == 0)
        rc = cached_plan(&plan, err);
    if (rc == 0 && (b->req->dryrun || b->req->explain_cache))
        cached_explain(&plan);
    if (rc == 0 && !cached_has_all(&plan))
        rc = export_check_push(b, err);
    if (rc == 0 && !b->req->dryrun)
        rc = build_stages(&plan, err);
    if (rc == 0)
        rc = named_load_all(b, err);
    if (rc == 0)
        rc = context_load(b->req->context, err); /* also when nothing was taken from it */
    if (rc == 0 && !b->req->dryrun) {
        StageBuild *target = plan.target->built;

        finish_config(target);
        release_sandbox(&plan);
        cached_flush(b, &target->fs->layers);
        rc = export_image(b, &target->config, &target->fs->layers, ret, err);
    } else {
        release_sandbox(&plan);
    }
    cached_hurry(b);
    cached_write_record(&plan);
    cached_write_remotes(&plan);
    cached_await(b);
    cached_mounts_export(b);
    cached_finish(b); /* also of a build that failed: the next one begins where it ended */
    vec_foreach(s, &plan.stages)
        stage_free(*s);
    plan_done(&plan);
    return rc;
}

/* 1: it failed for a layer that a cache had promised; without reading caches it may not. */
static int build_once(const BuildRequest *req, bool read_cache, Damage *damage, BuildResult *ret,
                      Err *err)
{
    Builder b;
    bool again = false;
    int rc = builder_open(req, &b, err);

    b.damage = damage;
    if (rc == 0)
        rc = cached_open(&b, read_cache, err);
    if (rc == 0)
        rc = build_with(&b, !read_cache, ret, err);
    if (rc < 0) {
        again = read_cache && atomic_load(&b.cache_failed) && !signal_caught();
        if (again) {
            builder_warn(&b, "a layer in the cache is damaged, building without it: %s", err->msg);
            damage_settle(&b);
        } else {
            signal_stop(); /* nobody waits for what is still being downloaded */
        }
        build_result_done(ret);
        *ret = (BuildResult){0};
    }
    builder_close(&b);
    return again ? 1 : rc;
}

/* Not while another build uses the directory: the last one makes room. */
static void make_room(const BuildRequest *req)
{
    PruneOpts o = {.kiln_dir = req->kiln_dir,
                   .keep_bytes = req->keep_bytes,
                   .now_ns = clock_ns(CLOCK_REALTIME)};
    const Builder told = {.req = req};
    PruneReport report;
    Err err;

    if (!req->has_keep_bytes || req->dryrun || signal_caught())
        return;
    if (cache_prune(&o, &report, &err) < 0)
        builder_warn(&told, "no room was made in %s: %s", req->kiln_dir, err.msg);
    else
        log_debug("%llu bytes of %s were removed, %llu are left", (unsigned long long)report.bytes,
                  req->kiln_dir, (unsigned long long)report.kept_bytes);
}

int build_run(const BuildRequest *req, BuildResult *ret, Err *err)
{
    int64_t begun = clock_ns(CLOCK_MONOTONIC);
    BuildResult result = {0};
    Damage damage;
    int rc;

    damage_init(&damage);
    rc = build_once(req, true, &damage, &result, err);
    if (rc > 0)
        rc = build_once(req, false, &damage, &result, err);
    damage_done(&damage);
    make_room(req);
    if (rc < 0)
        return -1;
    result.took_ns = clock_ns(CLOCK_MONOTONIC) - begun;
    *ret = result;
    return 0;
}

int build_check(const BuildRequest *req, LintReport *ret, Err *err)
{
    Plan plan = {0};
    Builder b;
    int rc = builder_open(req, &b, err);

    if (rc == 0) {
        rc = plan_make(&b, req->dockerfile, &plan, err);
        if (rc == 0)
            rc = plan_lint(&plan, ret, err);
        plan_done(&plan);
    }
    builder_close(&b);
    return rc;
}

void build_result_done(BuildResult *r)
{
    vec_done(&r->layers);
    arena_done(&r->arena);
}
