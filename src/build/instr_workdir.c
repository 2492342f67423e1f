/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WORKDIR: a member of the config and, unless it is "/", a directory of the image and a layer
 * (spec/dockerfile 4.1).
 */
#include "build/steps.h"
#include "build/user.h"

int step_next_workdir(StageBuild *s, const Step *step, Str *ret, Err *err)
{
    Str to;

    TRY(stage_expand(s, step->i->args.v[0], &to, err));
    if (to.n == 0)
        *ret = stage_workdir(s);
    else if (to.p[0] == '/')
        *ret = to; /* kept as it is written */
    else
        *ret = path_join(&s->arena, stage_workdir(s), to);
    return 0;
}

static int make_workdir(StageBuild *s, Str dir, Err *err)
{
    NewDir as = {.mode = 0755, .mtime_ns = stage_dir_time(s)};
    Node *existing;
    Str canonical;

    TRY(rootfs_load(s->fs, s->stage->runs, err));
    TRY(tree_canonical(s->fs->tree, &s->arena, dir, true, &canonical, err));
    TRY(tree_at(s->fs->tree, canonical, &existing, err));
    if (existing)
        return node_is_dir(existing)
                   ? 0
                   : err_set(err, ERR_USAGE, STR_FMT " exists and is not a directory",
                             STR_ARG(dir));
    /* an unknown user is the RUN's error: the directory is then root's */
    if (s->config.user.n)
        TRY(user_for_chown(s->fs, s->config.user, &as.uid, &as.gid, err));
    return stage_make_dirs(s, canonical, &as, &existing, err);
}

static int run_workdir(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    Str dir, created_by;

    TRY(step_next_workdir(s, step, &dir, err));
    s->config.working_dir = str_dup_in(&s->config.arena, dir);
    created_by = str_fmt_in(&s->arena, "WORKDIR " STR_FMT, STR_ARG(dir));
    if (str_eq(path_clean(&s->arena, dir), S("/"))) {
        stage_history(s, created_by, true);
        return 0;
    }
    TRY(make_workdir(s, dir, err));
    /* Only directories: no file is ever asked for. */
    return stage_commit(s, context_files(s->b->req->context), created_by, report, err);
}

const StepOps step_workdir = {.touches_files = true, .run = run_workdir};
