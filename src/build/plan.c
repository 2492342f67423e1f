/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backwards from the target: a stage is needed when something needed reads it. The bases of the
 * stages that are needed for sure are resolved in one wave; ONBUILD triggers found there may make
 * further stages needed, which are then resolved as they come.
 */
#include "build/plan.h"

#include "base/limits.h"
#include "base/num.h"
#include "build/build_args.h"
#include "build/named.h"
#include "build/step_key.h"
#include "context/remote.h"
#include "dockerfile/parse.h"

static int at(const Dockerfile *d, const Instr *i, Str word, Err *err)
{
    return dockerfile_error_at(d, i, word, err);
}

/* --- stages of the file --- */

static Stage *find_stage(const Plan *p, Str name, unsigned before, bool any_case)
{
    for (unsigned n = before; n-- > 0;) {
        Stage *s = p->stages.v[n];

        if (s->name.n && (any_case ? str_eq_nocase(s->name, name) : str_eq(s->name, name)))
            return s;
    }
    return NULL;
}

static int read_platform(Plan *p, const Instr *i, Stage *s, Err *err)
{
    const Flag *platform = instr_flag(i, "platform");
    Str text;

    if (!platform)
        return 0;
    TRY(scope_expand(&p->global, platform->value, &text, err));
    if (text.n == 0)
        return err_set(err, ERR_SYNTAX, "empty platform value from expression " STR_FMT,
                       STR_ARG(platform->value));
    return platform_parse(&p->b->arena, text, &s->platform, err);
}

/* --build-context NAME=... in the place of a stage of that name (spec 3.1, 7). */
static bool is_replaced(const Plan *p, const Stage *s)
{
    return s->name.n && named_find(p->b, s->name, &s->platform) != NULL;
}

static int read_base(Plan *p, const Instr *i, Stage *s, Err *err)
{
    s->replaced = is_replaced(p, s);
    if (s->replaced) {
        s->base_text = s->name;
        return 0;
    }
    TRY(scope_expand(&p->global, i->args.v[0], &s->base_text, err));
    s->base_text = str_trim(s->base_text);
    if (s->base_text.n == 0)
        return err_set(err, ERR_SYNTAX, "base name (" STR_FMT ") should not be blank",
                       STR_ARG(i->args.v[0]));
    s->scratch = str_eq(s->base_text, S("scratch"));
    if (!s->scratch)
        s->base = find_stage(p, s->base_text, s->index, false);
    return 0;
}

static Step step_of(Builder *b, const Dockerfile *d, const Instr *i)
{
    Step step = {.d = d, .i = i, .text = i->original};

    if (i->kind == INSTR_ADD)
        step.text = remote_redacted_words(&b->arena, i->original);
    return step;
}

/* Triggers run before the stage's own instructions, as if written there. */
static int add_triggers(Builder *b, Stage *s, const char *what, Str from, const StrVec *on_build,
                        Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str name = str_fmt_in(&a, "%s " STR_FMT, what, STR_ARG(from));
    __typeof__(s->steps) own = s->steps;

    if (on_build->n == 0)
        return 0;
    s->triggers = NEW(Dockerfile);
    vec_foreach(text, on_build)
        TRY(dockerfile_parse_trigger(name, *text, s->triggers, err));
    s->steps = (__typeof__(s->steps)){0};
    vec_foreach(i, &s->triggers->instrs) {
        Step step = step_of(b, s->triggers, i);

        vec_push(&s->steps, step);
    }
    vec_foreach(step, &own)
        vec_push(&s->steps, *step);
    vec_done(&own);
    return 0;
}

/* FROM a build context that is no image: from scratch, with its files as the first layer. */
static int start_from_files(Plan *p, Stage *s, Err *err)
{
    const KeyValue *named =
        s->scratch || s->base ? NULL : named_find(p->b, s->base_text, &s->platform);
    StrVec copy = {0};
    int rc;

    if (!named || named_is_image(named))
        return 0;
    s->scratch = s->from_files = true;
    vec_push(&copy, str_fmt_in(&p->b->arena, "COPY --from=" STR_FMT " . /", STR_ARG(s->base_text)));
    rc = add_triggers(p->b, s, "FROM", s->base_text, &copy, err);
    vec_done(&copy);
    return rc;
}

static int add_stage(Plan *p, const Instr *i, Stage **ret, Err *err)
{
    Stage *s;

    /* stages are visited recursively */
    if (p->stages.n >= LIMIT_STAGES) {
        (void)err_set(err, ERR_LIMIT, "more than %u stages", LIMIT_STAGES);
        return at(p->d, i, S(""), err);
    }
    s = NEW(Stage);
    vec_push(&p->stages, s);
    s->index = (unsigned)p->stages.n - 1;
    s->from = i;
    s->platform = p->b->target_platform;
    if (i->args.n == 3)
        s->name = str_lower_in(&p->b->arena, i->args.v[2]);
    if (read_base(p, i, s, err) < 0)
        return at(p->d, i, i->args.v[0], err);
    if (read_platform(p, i, s, err) < 0)
        return at(p->d, i, S(""), err);
    if (start_from_files(p, s, err) < 0)
        return at(p->d, i, i->args.v[0], err);
    *ret = s;
    return 0;
}

static int declare_global(Plan *p, const Instr *i, Err *err)
{
    vec_foreach(w, &i->pairs) {
        Str name, value;
        bool set;

        if (scope_declare_arg(&p->global, w, &name, &value, &set, err) < 0)
            return at(p->d, i, w->name, err);
    }
    return 0;
}

static int read_stages(Plan *p, Err *err)
{
    Stage *current = NULL;

    vec_foreach(i, &p->d->instrs) {
        if (i->kind == INSTR_FROM) {
            TRY(add_stage(p, i, &current, err));
        } else if (!current) {
            TRY(declare_global(p, i, err));
        } else if (!current->replaced) {
            Step step = step_of(p->b, p->d, i);

            vec_push(&current->steps, step);
        }
    }
    return 0;
}

static void suggest_stage(const Plan *p, Str name, Buf *out)
{
    unsigned best = 3;
    Str word = {0};

    vec_foreach(s, &p->stages) {
        unsigned d = (*s)->name.n ? str_distance((*s)->name, name) : UINT32_MAX;

        if (d < best) {
            best = d;
            word = (*s)->name;
        }
    }
    if (word.n)
        buf_addf(out, " (did you mean " STR_FMT "?)", STR_ARG(word));
}

static int find_target(const Plan *p, Str name, Stage **ret, Err *err)
{
    cleanup_buf Buf hint = BUF_INIT(BUF_SMALL);

    *ret = name.n ? find_stage(p, name, (unsigned)p->stages.n, true) : p->stages.v[p->stages.n - 1];
    if (*ret)
        return 0;
    suggest_stage(p, name, &hint);
    return err_set(err, ERR_USAGE, STR_FMT ": target stage \"" STR_FMT "\" could not be found%s",
                   STR_ARG(p->d->name), STR_ARG(name), buf_z(&hint));
}

static int find_targets(Plan *p, Err *err)
{
    TRY(find_target(p, p->b->req->target, &p->target, err));
    vec_foreach(name, &p->b->req->also) {
        Stage *s;

        TRY(find_target(p, *name, &s, err));
        vec_push(&p->also, s);
    }
    return 0;
}

/* --- references between stages --- */

int plan_find_source(Plan *p, const Stage *user, Str text, Stage **ret_stage, Str *ret_image,
                     Err *err)
{
    uint64_t number;
    Stage *s;

    *ret_stage = NULL;
    *ret_image = text;
    if (user->from_files && str_eq(text, user->base_text))
        return 0; /* whatever stages are called */
    if (num_parse_u64(text, UINT32_MAX, &number)) {
        if (number >= p->stages.n)
            return err_set(err, ERR_USAGE, "invalid stage index " STR_FMT, STR_ARG(text));
        s = p->stages.v[number];
    } else {
        s = find_stage(p, text, user->index, true);
        if (!s)
            s = find_stage(p, text, (unsigned)p->stages.n, true);
    }
    if (!s)
        return 0;
    if (s == user)
        return err_set(err, ERR_USAGE, "circular dependency detected on stage: " STR_FMT,
                       STR_ARG(text));
    if (s->index > user->index)
        return err_set(err, ERR_USAGE,
                       "cannot copy from stage \"" STR_FMT
                       "\", it needs to be defined before current stage \"" STR_FMT "\"",
                       STR_ARG(text), STR_ARG(user->name));
    *ret_stage = s;
    return 0;
}

int plan_find_mount(Plan *p, const Stage *user, const RunMount *m, Stage **ret_stage,
                    Str *ret_image, Err *err)
{
    Stage *s = find_stage(p, m->from, user->index, true);

    *ret_stage = s;
    *ret_image = str_eq(m->from, S("scratch")) ? S("") : m->from;
    if (s)
        return 0;
    s = find_stage(p, m->from, (unsigned)p->stages.n, true);
    if (!s)
        return 0;
    return err_set(err, ERR_USAGE,
                   "cannot mount from stage \"" STR_FMT "\" to \"" STR_FMT
                   "\", stage needs to be defined before current command",
                   STR_ARG(m->from), STR_ARG(m->target));
}

static int add_mount_sources(Plan *p, const Stage *user, const Instr *i, StepSourceVec *ret,
                             Err *err)
{
    vec_foreach(f, &i->flags) {
        StepSource source;
        RunMount m;

        if (!str_eq(f->name, S("mount")))
            continue;
        TRY(mount_parse(&p->b->arena, f->value, NULL, &m, err));
        if (m.from.n == 0)
            continue;
        TRY(plan_find_mount(p, user, &m, &source.stage, &source.image, err));
        if (source.stage || source.image.n)
            vec_push(ret, source);
    }
    return 0;
}

int plan_step_sources(Plan *p, const Stage *user, const Step *step, StepSourceVec *ret, Err *err)
{
    const Flag *from = instr_flag(step->i, "from");
    StepSource source;

    if (step->i->kind == INSTR_RUN)
        return add_mount_sources(p, user, step->i, ret, err);
    if (step->i->kind != INSTR_COPY || !from)
        return 0;
    TRY(plan_find_source(p, user, from->value, &source.stage, &source.image, err));
    vec_push(ret, source);
    return 0;
}

bool stage_has_files(const Stage *s)
{
    vec_foreach(step, &s->steps)
        if (step_touches_files(step->i))
            return true;
    return false;
}

static bool has_run(const Stage *s)
{
    vec_foreach(step, &s->steps)
        if (step->i->kind == INSTR_RUN)
            return true;
    return false;
}

/* --- what is needed --- */

static int need_stage(Plan *p, Stage *s, Err *err);

static int need_source(Plan *p, const Stage *s, const StepSource *source, Err *err)
{
    BaseImage *resolved;
    Context *files = NULL;

    if (!source->stage)
        TRY(named_context(p->b, source->image, &s->platform, &files, err));
    if (files)
        return 0;
    if (!source->stage)
        return image_resolve(p->b, source->image, &s->platform, &resolved, err);
    TRY(need_stage(p, source->stage, err));
    source->stage->readers++;
    return 0;
}

static int need_step(Plan *p, const Stage *s, const Step *step, StepSourceVec *sources, Err *err)
{
    TRY(step_check(step->d, step->i, err));
    TRY(plan_step_sources(p, s, step, sources, err));
    vec_foreach(source, sources)
        TRY(need_source(p, s, source, err));
    return 0;
}

static int need_sources(Plan *p, Stage *s, Err *err)
{
    vec_foreach(step, &s->steps) {
        StepSourceVec sources = {0};
        int rc = need_step(p, s, step, &sources, err);

        vec_done(&sources);
        if (rc < 0)
            return err->line ? -1 : at(step->d, step->i, S(""), err);
    }
    return 0;
}

static int begin_image(Plan *p, const Stage *user, Str text, Err *err)
{
    const KeyValue *named = named_find(p->b, text, &user->platform);
    BaseImage *begun;

    if (named && !named_is_image(named))
        return 0;
    return image_begin(p->b, text, &user->platform, &begun, err);
}

/*
 * What is needed for sure, by the file alone: its images are asked for at once, so that one slow
 * answer is not waited for after another.
 */
static int begin_images(Plan *p, const Stage *s, bool *seen, Err *err);

static int begin_step(Plan *p, const Stage *s, const Step *step, StepSourceVec *sources, bool *seen,
                      Err *err)
{
    TRY(step_check(step->d, step->i, err));
    TRY(plan_step_sources(p, s, step, sources, err));
    vec_foreach(source, sources)
        TRY(source->stage ? begin_images(p, source->stage, seen, err)
                          : begin_image(p, s, source->image, err));
    return 0;
}

static int begin_images(Plan *p, const Stage *s, bool *seen, Err *err)
{
    if (seen[s->index])
        return 0;
    seen[s->index] = true;
    if (s->base)
        TRY(begin_images(p, s->base, seen, err));
    else if (!s->scratch)
        TRY(begin_image(p, s, s->base_text, err));
    vec_foreach(step, &s->steps) {
        StepSourceVec sources = {0};
        int rc = begin_step(p, s, step, &sources, seen, err);

        vec_done(&sources);
        if (rc < 0)
            return err->line ? -1 : at(step->d, step->i, S(""), err);
    }
    return 0;
}

/* Triggers that a stage of the file declares fire in the stages built from it. */
static int add_stage_triggers(Builder *b, Stage *s, Err *err)
{
    StrVec texts = {0};
    int rc;

    vec_foreach(step, &s->base->steps)
        if (step->i->kind == INSTR_ONBUILD)
            vec_push(&texts, step->i->args.v[0]);
    rc = add_triggers(b, s, "ONBUILD of", s->base_text, &texts, err);
    vec_done(&texts);
    return rc;
}

static int need_stage(Plan *p, Stage *s, Err *err)
{
    if (s->needed)
        return 0;
    s->needed = true;
    if (s->base) {
        TRY(need_stage(p, s->base, err));
        s->base->readers++;
        TRY(add_stage_triggers(p->b, s, err));
    } else if (!s->scratch) {
        if (image_resolve(p->b, s->base_text, &s->platform, &s->image, err) < 0)
            return at(p->d, s->from, s->from->args.v[0], err);
        if (!s->replaced)
            TRY(add_triggers(p->b, s, "ONBUILD of", s->base_text, &s->image->config.on_build, err));
    }
    return need_sources(p, s, err);
}

/*
 * A stage's disk is passed on to the first stage FROM it: whether anybody runs something there
 * decides how it is loaded.
 */
static void mark_runs(Plan *p)
{
    for (size_t n = p->stages.n; n-- > 0;) {
        Stage *s = p->stages.v[n];

        if (!s->needed)
            continue;
        s->runs = s->runs || has_run(s);
        if (s->runs && s->base)
            s->base->runs = true;
    }
}

/* TARGETSTAGE is known before any stage is: FROM lines may use it. */
static Str target_name(const Builder *b, const Dockerfile *d)
{
    Str name = b->req->target;

    if (name.n)
        return name;
    vec_foreach(i, &d->instrs)
        if (i->kind == INSTR_FROM)
            name = i->args.n == 3 ? i->args.v[2] : S("");
    return name.n ? name : S("default");
}

static void begin_scope(Plan *p)
{
    const Builder *b = p->b;
    const ScopeOpts opts = {
        .build_args = &b->req->build_args,
        .escape = p->d->escape,
        .build = &b->build_platform,
        .target = &b->target_platform,
        .target_stage = str_lower_in(&p->b->arena, target_name(b, p->d)),
    };

    scope_init_global(&p->global, &p->b->arena, &opts);
}

/* What the text alone says. */
static int read_file(Builder *b, Dockerfile *d, Plan *p, Err *err)
{
    *p = (Plan){.b = b, .d = d};
    TRY(build_args_check(b, d, err));
    begin_scope(p);
    return read_stages(p, err);
}

static void add_name(ImageNameVec *v, Str text, const Platform *platform)
{
    const ImageName fresh = {text, *platform};

    vec_foreach(i, v)
        if (str_eq(i->text, text) && platform_eq(&i->platform, platform))
            return;
    vec_push(v, fresh);
}

static int add_stage_images(Plan *p, Stage *s, ImageNameVec *ret, Err *err)
{
    if (!s->base && !s->scratch)
        add_name(ret, s->base_text, &s->platform);
    vec_foreach(step, &s->steps) {
        StepSourceVec sources = {0};
        int rc = plan_step_sources(p, s, step, &sources, err);

        vec_foreach(source, &sources)
            if (!source->stage)
                add_name(ret, source->image, &s->platform);
        vec_done(&sources);
        if (rc < 0)
            return at(step->d, step->i, S(""), err);
    }
    return 0;
}

int plan_images(Builder *b, Dockerfile *d, ImageNameVec *ret, Err *err)
{
    Plan p;
    int rc = read_file(b, d, &p, err);

    for (size_t n = 0; rc == 0 && n < p.stages.n; n++)
        rc = add_stage_images(&p, p.stages.v[n], ret, err);
    plan_done(&p);
    return rc;
}

static int begin_target(Plan *p, Stage *s, bool *seen, Err *err)
{
    TRY(begin_images(p, s, seen, err));
    TRY(need_stage(p, s, err));
    s->readers++;
    return 0;
}

int plan_make(Builder *b, Dockerfile *d, Plan *ret, Err *err)
{
    Plan *p = ret;
    bool *seen;

    TRY(read_file(b, d, p, err));
    TRY(find_targets(p, err));
    seen = arena_new_n(&b->arena, bool, p->stages.n);
    TRY(begin_target(p, p->target, seen, err));
    vec_foreach(s, &p->also)
        TRY(begin_target(p, *s, seen, err));
    mark_runs(p);
    return 0;
}

void plan_done(Plan *p)
{
    vec_foreach(s, &p->stages) {
        if ((*s)->triggers) {
            dockerfile_done((*s)->triggers);
            free((*s)->triggers);
        }
        vec_foreach(step, &(*s)->steps)
            step_cache_done(step->cache);
        vec_done(&(*s)->steps);
        free(*s);
    }
    vec_done(&p->stages);
    vec_done(&p->also);
    scope_done(&p->global);
}
