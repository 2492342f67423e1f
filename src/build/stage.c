/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "build/push.h"
#include "build/steps.h"

static const StepOps *const table[INSTR_COUNT] = {
    [INSTR_ADD] = &step_add,
    [INSTR_ARG] = &step_arg,
    [INSTR_CMD] = &step_cmd,
    [INSTR_COPY] = &step_copy,
    [INSTR_ENTRYPOINT] = &step_entrypoint,
    [INSTR_ENV] = &step_env,
    [INSTR_EXPOSE] = &step_expose,
    [INSTR_HEALTHCHECK] = &step_healthcheck,
    [INSTR_LABEL] = &step_label,
    [INSTR_MAINTAINER] = &step_maintainer,
    [INSTR_ONBUILD] = &step_onbuild,
    [INSTR_RUN] = &step_run,
    [INSTR_SHELL] = &step_shell,
    [INSTR_STOPSIGNAL] = &step_stopsignal,
    [INSTR_USER] = &step_user,
    [INSTR_VOLUME] = &step_volume,
    [INSTR_WORKDIR] = &step_workdir,
};

const StepOps *step_ops(InstrKind kind)
{
    return table[kind]; /* FROM is no step: it makes the stage */
}

bool step_touches_files(const Instr *i)
{
    return table[i->kind]->touches_files;
}

int step_check(const Dockerfile *d, const Instr *i, Err *err)
{
    return table[i->kind]->check ? table[i->kind]->check(d, i, err) : 0;
}

int stage_expand(StageBuild *s, Str word, Str *ret, Err *err)
{
    return scope_expand(&s->scope, word, ret, err);
}

Rootfs *stage_rootfs(const Stage *s)
{
    return s->built->fs;
}

Str stage_workdir(const StageBuild *s)
{
    return s->config.working_dir.n ? s->config.working_dir : S("/");
}

void stage_command_line(const StageBuild *s, const Instr *i, Str shell_text, StrVec *ret)
{
    if (i->exec_form) {
        vec_foreach(a, &i->args)
            vec_push(ret, *a);
        return;
    }
    vec_foreach(a, &s->config.shell)
        vec_push(ret, *a);
    if (s->config.shell.n == 0) {
        vec_push(ret, S("/bin/sh"));
        vec_push(ret, S("-c"));
    }
    vec_push(ret, shell_text);
}

int stage_check_memory(StageBuild *s, Err *err)
{
    size_t bytes = s->arena.total + s->config.arena.total;

    s->plan->bytes += bytes - s->bytes;
    s->bytes = bytes;
    if (s->plan->bytes <= LIMIT_STAGES_MEMORY)
        return 0;
    return err_set(err, ERR_LIMIT,
                   "the environments, labels and histories of the stages take more than %zu bytes",
                   LIMIT_STAGES_MEMORY);
}

int64_t stage_dir_time(const StageBuild *s)
{
    return s->b->req->has_epoch ? s->b->req->epoch_ns : s->content_ns;
}

/*
 * The time of an entry is that of the newest thing in the image so far, so that a build without
 * commands is a function of its inputs: built twice, it is the same image.
 */
static int64_t entry_time(const StageBuild *s)
{
    int64_t ns = s->content_ns;

    if (ns > s->b->now_ns)
        ns = s->b->now_ns; /* a file from the future makes no image from the future */
    if (s->b->req->has_epoch)
        ns = s->b->req->epoch_ns;
    return ns;
}

void stage_history(StageBuild *s, Str created_by, bool empty_layer)
{
    Arena *a = &s->config.arena;
    History h = {
        .created = time_format_rfc3339(a, entry_time(s)),
        .created_by = str_dup_in(a, created_by),
        .comment = S("buildkit.dockerfile.v0"),
        .empty_layer = empty_layer,
    };

    vec_push(&s->config.history, h);
    s->config.created = h.created;
}

bool stage_is_in_image(const StageBuild *s)
{
    const Stage *part = s->plan->target;

    while (part && part != s->stage)
        part = part->base;
    return part != NULL;
}

/*
 * While the container's own "/" is away, its hosts and resolv.conf are as well: names cannot be looked up then, and
 * what runs in the background cannot choose its time.
 */
bool stage_has_network(const StageBuild *s)
{
    bool runs = false;

    if (s->b->sandbox)
        return sandbox_parallel(s->b->sandbox);
    vec_foreach(stage, &s->plan->stages)
        runs = runs || ((*stage)->needed && (*stage)->runs);
    return !runs;
}

int stage_commit(StageBuild *s, FileSource *files, Str created_by, StepReport *report, Err *err)
{
    LayerStats stats;
    ImageLayer layer;

    TRY(rootfs_commit(s->fs, files, &stats, &layer, err));
    vec_push(&s->config.diff_ids, layer.diff_id);
    stage_history(s, created_by, false);
    report->has_layer = true;
    report->layer_bytes = layer.desc.size;
    report->files = stats.files;
    report->deletions = stats.deletions;
    return stage_is_in_image(s) && stage_has_network(s) ? push_begin(s->b, &s->fs->layers, err) : 0;
}

int stage_make_dirs(StageBuild *s, Str canonical, const NewDir *as, Node **ret, Err *err)
{
    Tree *t = s->fs->tree;
    Node *dir = tree_root(t);
    Str rest = canonical, c;

    while (path_next(&rest, &c)) {
        Node *n = tree_child(t, dir, c);

        if (n && !node_is_dir(n))
            return err_set(err, ERR_USAGE,
                           "cannot make the directory /" STR_FMT ": " STR_FMT " is a file",
                           STR_ARG(canonical), STR_ARG(c));
        if (!n) {
            Inode *i = tree_inode_new(t, S_IFDIR | as->mode);

            i->uid = as->uid;
            i->gid = as->gid;
            i->mtime_ns = as->mtime_ns;
            TRY(tree_add(t, dir, c, i, &n, err));
            n->flags |= NODE_NEW;
            tree_mark_dirty(n);
        }
        dir = n;
    }
    *ret = dir;
    return 0;
}

/* From the top down, because a directory needs its parent. */
static int put_dirs(Disk *d, Node *n, Err *err)
{
    if (!n->parent)
        return 0;
    TRY(put_dirs(d, n->parent, err));
    return n->flags & NODE_NEW ? disk_put(d, n, err) : 0;
}

int stage_make_dirs_on_disk(StageBuild *s, Str canonical, const NewDir *as, Err *err)
{
    const Root *root = s->fs->root;
    DiskOpts o = {root->fd, root->foreign, root->may_chown};
    cleanup_with(disk_free_at) Disk *d = disk_new(s->fs->tree, &o);
    Node *dir;

    TRY(stage_make_dirs(s, canonical, as, &dir, err));
    s->fs->stamped = false;
    return put_dirs(d, dir, err);
}
