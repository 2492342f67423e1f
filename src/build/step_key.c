/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_key.h"

#include "base/limits.h"
#include "build/add_remote.h"
#include "build/key_files.h"
#include "build/key_mounts.h"
#include "build/named.h"
#include "dockerfile/chmod.h"

int step_makes_layer(StageBuild *s, const Step *step, bool *ret, Err *err)
{
    Str dir;

    *ret = step_touches_files(step->i);
    if (step->i->kind != INSTR_WORKDIR)
        return 0;
    TRY(step_next_workdir(s, step, &dir, err));
    *ret = !str_eq(path_clean(&s->arena, dir), S("/"));
    return 0;
}

void step_cache_done(StepCache *c)
{
    if (!c)
        return;
    vec_done(&c->inputs);
    vec_foreach(x, &c->shown)
        vec_done(&x->files);
    vec_done(&c->shown);
    vec_foreach(r, &c->remotes)
        context_free(r->context);
    vec_done(&c->remotes);
    vec_done(&c->mounts);
}

void step_cache_shown(StepCache *c, Context *context, const NodeVec *files)
{
    KeyContext shown = {.context = context};

    vec_foreach(n, files)
        vec_push(&shown.files, *n);
    vec_push(&c->shown, shown);
}

/* --- RUN --- */

static void add_words(KeyMaker *k, const char *name, const StrVec *words)
{
    key_add_count(k, name, words->n);
    vec_foreach(w, words)
        key_add(k, name, *w);
}

static void add_heredocs(KeyMaker *k, const Instr *i)
{
    key_add_count(k, "heredocs", i->heredocs.n);
    vec_foreach(h, &i->heredocs) {
        key_add(k, "heredoc name", h->name);
        key_add_bool(k, "heredoc expands", h->expand);
        key_add_lines(k, "heredoc", h->body);
    }
}

/*
 * Everything a command is given: the variables in their order, as it can print them. Proxies are
 * not among them unless an ARG or ENV declares them.
 */
static void add_environment(KeyMaker *k, StageBuild *s)
{
    key_add_count(k, "environment", s->scope.vars.n);
    vec_foreach(kv, &s->scope.vars) {
        Str name = str_fmt_in(&s->arena, "environment " STR_FMT, STR_ARG(kv->key));

        key_add(k, name.p, kv->value);
    }
}

static void add_flag(KeyMaker *k, StageBuild *s, const Flag *f, Str value)
{
    const char *name = str_fmt_in(&s->arena, "flag --" STR_FMT, STR_ARG(f->name)).p;

    key_add_bool(k, name, f->has_value);
    key_add(k, name, value);
}

static void add_flags(KeyMaker *k, StageBuild *s, const Instr *i)
{
    vec_foreach(f, &i->flags)
        if (!str_eq(f->name, S("mount")))
            add_flag(k, s, f, f->value);
    key_add(k, "flags", S("end"));
}

static int key_of_run(StageBuild *s, const Step *step, KeyMaker *k, Contents *c, StepCache *ret,
                      Err *err)
{
    const Instr *i = step->i;

    key_add_bool(k, "exec form", i->exec_form);
    add_words(k, "command", &i->args);
    add_heredocs(k, i);
    add_words(k, "shell", &s->config.shell);
    add_flags(k, s, i);
    key_add(k, "user", s->config.user);
    key_add(k, "working directory", stage_workdir(s));
    add_environment(k, s);
    return key_mounts_add(s, step, c, k, ret, err);
}

/* --- WORKDIR --- */

static int key_of_workdir(StageBuild *s, const Step *step, KeyMaker *k, StepCache *ret, Err *err)
{
    Str dir;

    (void)ret;
    TRY(step_next_workdir(s, step, &dir, err));
    key_add(k, "directory", dir);
    key_add(k, "user", s->config.user);
    return 0;
}

/* --- COPY, ADD --- */

/* --from is known by what it leads to, the others by their expanded values. */
static int add_copy_flags(KeyMaker *k, StageBuild *s, const Instr *i, Err *err)
{
    vec_foreach(f, &i->flags) {
        Str value = f->value;

        if (str_eq(f->name, S("from")))
            continue;
        if (!str_eq(f->name, S("exclude")))
            TRY(stage_expand(s, f->value, &value, err));
        add_flag(k, s, f, value);
    }
    key_add(k, "flags", S("end"));
    return 0;
}

static int add_dest(KeyMaker *k, StageBuild *s, const Instr *i, Err *err)
{
    Str dest;

    TRY(stage_expand(s, i->args.v[i->args.n - 1], &dest, err));
    key_add(k, "destination", dest);
    if (dest.n == 0 || dest.p[0] != '/')
        key_add(k, "working directory", stage_workdir(s));
    return 0;
}

/* One file, whose digest is known. */
static int add_remote_file(KeyMaker *k, StageBuild *s, const Step *step, Context *remote,
                           Contents *c, Err *err)
{
    KeyFiles f = {.s = s,
                  .step = step,
                  .whole = true,
                  .tree = context_tree(remote),
                  .files = context_files(remote)};
    Digest d = remote_file_digest(remote);
    StrVec all = {0};
    int rc;

    contents_know(c, tree_root(f.tree)->inode->children, digest_hex(&d));
    vec_push(&all, S("."));
    rc = key_files_add(&f, &all, c, k, err);
    vec_done(&all);
    key_files_done(&f);
    return rc;
}

/* By its checksum where the instruction says one, else by what is there now. */
static int add_remote(KeyMaker *k, StageBuild *s, const Step *step, Str source, Contents *c,
                      StepCache *ret, Err *err)
{
    KeyRemote remote = {.source = str_dup_in(&s->b->arena, source)};

    key_add(k, "remote", remote_redacted(&s->arena, source));
    if (add_is_pinned(s, step, source))
        return 0;
    TRY(add_look(s, step, &remote, err));
    vec_push(&ret->remotes, remote);
    if (remote.context)
        return add_remote_file(k, s, step, remote.context, c, err);
    key_add(k, "commit", remote.commit);
    return 0;
}

/* NOLINTNEXTLINE(readability-function-size): where it may come from, and where it goes */
static int add_source(KeyMaker *k, StageBuild *s, const Step *step, Str word, Contents *c,
                      StepCache *ret, StrVec *local, Err *err)
{
    Str source;

    if (instr_heredoc(step->i, word))
        return 0;
    TRY(stage_expand(s, word, &source, err));
    if (step->i->kind == INSTR_ADD && remote_kind(source) != REMOTE_NONE)
        return add_remote(k, s, step, source, c, ret, err);
    key_add(k, "source", source);
    vec_push(local, source);
    return 0;
}

static int add_copied_heredocs(KeyMaker *k, StageBuild *s, const Instr *i, Err *err)
{
    vec_foreach(h, &i->heredocs) {
        Str body = h->body;

        if (h->expand)
            TRY(scope_expand_body(&s->scope, h->body, &body, err));
        key_add(k, "heredoc name", h->name);
        key_add_lines(k, "heredoc", body);
    }
    return 0;
}

static int find_from(StageBuild *s, const Instr *i, StepCache *ret, Err *err)
{
    const Flag *from = instr_flag(i, "from");
    Str image;

    if (!from)
        return 0;
    TRY(plan_find_source(s->plan, s->stage, from->value, &ret->from_stage, &image, err));
    if (ret->from_stage)
        return 0;
    TRY(named_context(s->b, image, &s->stage->platform, &ret->from_context, err));
    return ret->from_context
               ? 0
               : image_resolve(s->b, image, &s->stage->platform, &ret->from_image, err);
}

/* What the copy gives to files itself they are not known by; the flags are in the key. */
static int leave_out_given(KeyFiles *f, Err *err)
{
    const Instr *i = f->step->i;
    const Flag *chown = instr_flag(i, "chown"), *chmod = instr_flag(i, "chmod");
    ChmodSpec mode;
    Str text;

    if (chown) {
        TRY(stage_expand(f->s, chown->value, &text, err));
        f->keep_owner = f->keep_owner && text.n == 0;
    }
    if (chmod) {
        TRY(stage_expand(f->s, chmod->value, &text, err));
        TRY(chmod_parse(text, &mode, err));
        f->new_mode = chmod_is_octal(&mode);
    }
    return 0;
}

static int add_context_files(KeyMaker *k, StageBuild *s, const Step *step, const StrVec *local,
                             Contents *c, StepCache *ret, Err *err)
{
    Context *context = ret->from_context ? ret->from_context : s->b->req->context;
    KeyFiles f = {.s = s, .step = step, .files = context_files(context)};
    int rc;

    if (local->n == 0)
        return 0;
    TRY(leave_out_given(&f, err));
    TRY(context_load(context, err));
    f.tree = context_tree(context);
    rc = key_files_add(&f, local, c, k, err);
    if (rc == 0)
        step_cache_shown(ret, context, &f.regular);
    key_files_done(&f);
    return rc;
}

static int add_sources(StageBuild *s, const Step *step, KeyMaker *k, Contents *c, StepCache *ret,
                       StrVec *local, Err *err)
{
    const Instr *i = step->i;

    TRY(add_copy_flags(k, s, i, err));
    TRY(add_dest(k, s, i, err));
    for (size_t n = 0; n + 1 < i->args.n; n++)
        TRY(add_source(k, s, step, i->args.v[n], c, ret, local, err));
    TRY(add_copied_heredocs(k, s, i, err));
    TRY(find_from(s, i, ret, err));
    if (ret->from_stage || ret->from_image)
        return 0;
    return add_context_files(k, s, step, local, c, ret, err);
}

static int key_of_copy(StageBuild *s, const Step *step, KeyMaker *k, Contents *c, StepCache *ret,
                       Err *err)
{
    StrVec local = {0};
    int rc = add_sources(s, step, k, c, ret, &local, err);

    vec_done(&local);
    return rc;
}

int step_contents_key(StageBuild *s, const Step *step, Rootfs *from, CacheKey *ret, Err *err)
{
    cleanup_with(contents_free_at) Contents *c = contents_new(s->b->cpu, NULL);
    cleanup_with(key_done) KeyMaker k = key_begin("contents", &s->arena, NULL);
    KeyFiles f = {.s = s, .step = step, .from = from, .keep_owner = true};
    StrVec sources = {0};
    const Instr *i = step->i;
    int rc = rootfs_load(from, false, err);

    for (size_t n = 0; rc == 0 && n + 1 < i->args.n; n++) {
        Str source = {0};

        if (instr_heredoc(i, i->args.v[n]))
            continue;
        rc = stage_expand(s, i->args.v[n], &source, err);
        vec_push(&sources, source);
    }
    f.tree = from->tree;
    if (rc == 0)
        rc = leave_out_given(&f, err);
    if (rc == 0)
        rc = key_files_add(&f, &sources, c, &k, err);
    key_files_done(&f);
    vec_done(&sources);
    if (rc == 0)
        *ret = key_end(&k);
    return rc;
}

/* --- all --- */

int step_key(StageBuild *s, const Step *step, Contents *c, StepCache *ret, Err *err)
{
    const BuildRequest *req = s->b->req;
    cleanup_with(key_done) KeyMaker k =
        key_begin(instr_name(step->i->kind), &s->b->arena, &ret->inputs);

    ret->enabled = req->cache_run;
    if (step->i->kind == INSTR_WORKDIR) {
        TRY(key_of_workdir(s, step, &k, ret, err));
    } else if (step->i->kind == INSTR_RUN) {
        TRY(key_of_run(s, step, &k, c, ret, err));
    } else {
        ret->enabled = req->cache_copy;
        TRY(key_of_copy(s, step, &k, c, ret, err));
    }
    ret->own = key_end(&k);
    return 0;
}
