/* SPDX-License-Identifier: Apache-2.0 */
#include "build/key_mounts.h"

#include "build/key_files.h"
#include "build/named.h"
#include "dockerfile/mount.h"

static void add_optional(KeyMaker *k, const char *name, bool has, int64_t value)
{
    key_add(k, name, has ? S("given") : S("default"));
    key_add_number(k, name, has ? value : 0);
}

static void add_fields(KeyMaker *k, StageBuild *s, const RunMount *m)
{
    key_add(k, "mount", str_from(mount_type_name(m->type)));
    key_add(k, "mount target", path_join(&s->arena, stage_workdir(s), m->target));
    key_add_bool(k, "mount is at the default place", m->target.n == 0);
    key_add(k, "mount source", m->source);
    key_add(k, "mount id", m->id);
    key_add(k, "mount variable", m->has_env ? m->env : S(""));
    key_add_bool(k, "mount has a variable", m->has_env);
    key_add_bool(k, "mount is read-only", m->read_only);
    key_add_bool(k, "mount is required", m->required);
    add_optional(k, "mount mode", m->has_mode, m->mode);
    add_optional(k, "mount uid", m->has_uid, m->uid);
    add_optional(k, "mount gid", m->has_gid, m->gid);
    key_add_number(k, "mount size", (int64_t)m->size_bytes);
}

typedef struct KeyMounts {
    StageBuild *s;
    const Step *step;
    Contents *contents;
    KeyMaker *k;
    StepCache *ret;
} KeyMounts;

static int add_context(KeyMounts *x, const RunMount *m, Context *context, Err *err)
{
    KeyFiles f = {.s = x->s, .step = x->step, .files = context_files(context)};
    StrVec source = {0};
    Node *top;
    int rc;

    TRY(context_load(context, err));
    f.tree = context_tree(context);
    TRY(tree_lookup(f.tree, m->source, true, &top, err));
    if (top) /* a mount shows the directory itself as well */
        key_add_number(x->k, "mount mode of the source", top->inode->mode);
    vec_push(&source, m->source.n ? m->source : S("."));
    rc = key_files_add(&f, &source, x->contents, x->k, err);
    if (rc == 0)
        step_cache_shown(x->ret, context, &f.regular);
    vec_done(&source);
    key_files_done(&f);
    return rc;
}

static int add_from(KeyMounts *x, const RunMount *m, Err *err)
{
    StageBuild *s = x->s;
    KeySource source = {0};
    Context *files = NULL;
    Str image;

    TRY(plan_find_mount(s->plan, s->stage, m, &source.stage, &image, err));
    if (!source.stage && image.n)
        TRY(named_context(s->b, image, &s->stage->platform, &files, err));
    if (files) {
        key_add(x->k, "mount from", S("context"));
        return add_context(x, m, files, err);
    }
    key_add(x->k, "mount from", source.stage ? S("stage") : image.n ? S("image") : S("nothing"));
    if (!source.stage && image.n)
        TRY(image_resolve(s->b, image, &s->stage->platform, &source.image, err));
    if (source.stage || source.image)
        vec_push(&x->ret->mounts, source);
    return 0;
}

static int add_mount(KeyMounts *x, Str text, Err *err)
{
    Expander variables = scope_expander(&x->s->scope);
    RunMount m;

    TRY(mount_parse(&x->s->arena, text, &variables, &m, err));
    add_fields(x->k, x->s, &m);
    if (m.from.n)
        return add_from(x, &m, err);
    return m.type == MOUNT_TYPE_BIND ? add_context(x, &m, x->s->b->req->context, err) : 0;
}

int key_mounts_add(StageBuild *s, const Step *step, Contents *c, KeyMaker *k, StepCache *ret,
                   Err *err)
{
    KeyMounts x = {s, step, c, k, ret};
    size_t n = 0;

    vec_foreach(f, &step->i->flags) {
        if (!str_eq(f->name, S("mount")))
            continue;
        TRY(add_mount(&x, f->value, err));
        n++;
    }
    key_add_count(k, "mounts", n);
    return 0;
}
