/* SPDX-License-Identifier: Apache-2.0 */
#include "build/key_mounts.h"

#include "build/key_files.h"
#include "build/named.h"
#include "dockerfile/mount.h"

/* The mounts of a step are told apart by their numbers. */
typedef struct MountFields {
    KeyMaker *k;
    Arena *arena;
    unsigned number;
} MountFields;

static const char *field(const MountFields *x, const char *what)
{
    return str_fmt_in(x->arena, "mount %u: %s", x->number, what).p;
}

static void add_text(const MountFields *x, const char *what, Str value)
{
    key_add(x->k, field(x, what), value);
}

static void add_bool(const MountFields *x, const char *what, bool value)
{
    key_add_bool(x->k, field(x, what), value);
}

static void add_optional(const MountFields *x, const char *what, bool has, int64_t value)
{
    const char *name = field(x, what);

    key_add(x->k, name, has ? S("given") : S("default"));
    key_add_number(x->k, name, has ? value : 0);
}

static void add_fields(const MountFields *x, StageBuild *s, const RunMount *m)
{
    add_text(x, "type", str_from(mount_type_name(m->type)));
    add_text(x, "target", path_join(&s->arena, stage_workdir(s), m->target));
    add_bool(x, "is at the default place", m->target.n == 0);
    add_text(x, "source", m->source);
    add_text(x, "id", m->id);
    add_bool(x, "has a variable", m->has_env);
    add_text(x, "variable", m->has_env ? m->env : S(""));
    add_bool(x, "is read-only", m->read_only);
    add_bool(x, "is required", m->required);
    add_optional(x, "mode", m->has_mode, m->mode);
    add_optional(x, "uid", m->has_uid, m->uid);
    add_optional(x, "gid", m->has_gid, m->gid);
    key_add_number(x->k, field(x, "size"), (int64_t)m->size_bytes);
}

typedef struct KeyMounts {
    StageBuild *s;
    const Step *step;
    Contents *contents;
    KeyMaker *k;
    StepCache *ret;
    MountFields fields; /* of the mount at hand */
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
        key_add_number(x->k, field(&x->fields, "mode of the source"), top->inode->mode);
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
        add_text(&x->fields, "from", S("context"));
        return add_context(x, m, files, err);
    }
    add_text(&x->fields, "from", source.stage ? S("stage") : image.n ? S("image") : S("nothing"));
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
    x->fields = (MountFields){x->k, &x->s->arena, x->fields.number + 1};
    add_fields(&x->fields, x->s, &m);
    if (m.from.n)
        return add_from(x, &m, err);
    return m.type == MOUNT_TYPE_BIND ? add_context(x, &m, x->s->b->req->context, err) : 0;
}

int key_mounts_add(StageBuild *s, const Step *step, Contents *c, KeyMaker *k, StepCache *ret,
                   Err *err)
{
    KeyMounts x = {.s = s, .step = step, .contents = c, .k = k, .ret = ret};

    vec_foreach(f, &step->i->flags) {
        if (!str_eq(f->name, S("mount")))
            continue;
        TRY(add_mount(&x, f->value, err));
    }
    key_add_count(k, "mounts", x.fields.number);
    return 0;
}
