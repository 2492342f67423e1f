/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COPY and ADD: edit the tree (build/copy.h), then write the layer straight from where the files
 * are.
 */
#include "build/add_remote.h"
#include "build/copy.h"
#include "build/inline.h"
#include "build/named.h"
#include "build/unpack.h"
#include "build/user.h"
#include "context/remote.h"
#include "dockerfile/ignore.h"
#include "dockerfile/parse.h"

/* One COPY or ADD under way. */
typedef struct Copy {
    StageBuild *s;
    const Step *step;
    CopyFiles files;
    ChmodSpec chmod;
    Str dest; /* absolute, expanded */
    Buf history;
    CopyJob job;     /* of the source at hand */
    NodeVec fetched; /* source nodes of regular files, of the source at hand */
    RootfsFiles stage_files;
    bool stage_files_open;
    Rootfs *image_fs; /* COPY --from=image; owned */
    VEC(Unpacked *) archives;
    VEC(Context *) remotes; /* what ADD fetched now; owned */
    Context *named;         /* COPY --from=a build context that is no image */
    InlineFiles heredocs;
    Ignore *exclude; /* owned */
} Copy;

/* --- what can be seen to be wrong before anything is done --- */

static int refuse_remote(Str source, Err *err)
{
    RemoteKind kind = remote_kind(source);

    if (kind == REMOTE_NONE)
        return 0;
    return err_set(err, ERR_SYNTAX, "source can't be a %s for COPY: " STR_FMT,
                   kind == REMOTE_FILE ? "URL" : "git ref", STR_ARG(source));
}

static int check_copy(const Dockerfile *d, const Instr *i, Err *err)
{
    const Flag *from = instr_flag(i, "from");

    (void)d;
    if (from && str_contains(from->value, S("$")))
        return err_set(
            err, ERR_SYNTAX,
            "variable expansion is not supported for --from, define a new stage with FROM using ARG from "
            "global scope as a workaround");
    for (size_t n = 0; n + 1 < i->args.n; n++)
        TRY(refuse_remote(i->args.v[n], err));
    return 0;
}

static int check_add(const Dockerfile *d, const Instr *i, Err *err)
{
    const Flag *checksum = instr_flag(i, "checksum");

    (void)d;
    if (checksum && (i->args.n > 2 || i->heredocs.n))
        return err_set(err, ERR_SYNTAX, "checksum can't be specified for multiple sources");
    if (checksum)
        TRY(add_checksum_check(checksum->value, i->args.v[0], err));
    return 0;
}

/* --- options --- */

/*
 * BuildKit gives files of an unknown user to root without a word; so do we, but not without a word.
 */
static int find_owner(Copy *c, Str text, Err *err)
{
    int unknown;

    if (c->job.link && !user_is_numeric(text))
        return err_set(err, ERR_USAGE,
                       "--chown=" STR_FMT
                       " with --link: names are in the image's /etc/passwd, and --link does not "
                       "look into the image; give numbers",
                       STR_ARG(text));
    unknown = user_for_chown(c->s->fs, text, &c->job.uid, &c->job.gid, err);
    TRY(unknown);
    c->job.has_chown = true;
    if (unknown)
        builder_warn(c->s->b,
                     STR_FMT ":%u: --chown=" STR_FMT
                             ": the image has no such user or group; the files will belong to root",
                     STR_ARG(c->step->d->name), c->step->i->line, STR_ARG(text));
    return 0;
}

static int read_excludes(Copy *c, Err *err)
{
    StrVec patterns = {0};
    int rc = 0;

    vec_foreach(f, &c->step->i->flags)
        if (str_eq(f->name, S("exclude")))
            vec_push(&patterns, f->value);
    if (patterns.n)
        rc = ignore_from_patterns(patterns.v, patterns.n, &c->exclude, err);
    c->job.exclude = c->exclude;
    vec_done(&patterns);
    return rc;
}

static int read_flags(Copy *c, Err *err)
{
    const Instr *i = c->step->i;
    const Flag *chown = instr_flag(i, "chown"), *chmod = instr_flag(i, "chmod");
    Str text;

    c->job.new_dir_mode = 0755;
    c->job.link = instr_flag_is_on(i, "link") &&
                  !chmod; /* with --chmod BuildKit copies in the ordinary way */
    if (instr_flag_is_on(i, "parents"))
        buf_add_z(&c->history, " --parents");
    TRY(read_excludes(c, err));
    if (chown) {
        TRY(stage_expand(c->s, chown->value, &text, err));
        buf_addf(&c->history, " --chown=" STR_FMT, STR_ARG(text));
        if (text.n) {
            TRY(find_owner(c, text, err));
        }
    }
    if (chmod) {
        TRY(stage_expand(c->s, chmod->value, &text, err));
        buf_addf(&c->history, " --chmod=" STR_FMT, STR_ARG(text));
        TRY(chmod_parse(text, &c->chmod, err));
        c->job.chmod = &c->chmod;
        if (chmod_is_octal(&c->chmod))
            c->job.new_dir_mode = chmod_apply(&c->chmod, 0755, true);
    }
    return 0;
}

/* Absolute; a trailing slash (or ".", or nothing) survives as "into this directory". */
static int read_dest(Copy *c, Err *err)
{
    const Instr *i = c->step->i;
    Str dest;

    TRY(stage_expand(c->s, i->args.v[i->args.n - 1], &dest, err));
    c->dest = dest;
    if (dest.n && dest.p[0] == '/')
        return 0;
    c->dest =
        str_fmt_in(&c->s->arena, STR_FMT "/" STR_FMT, STR_ARG(stage_workdir(c->s)), STR_ARG(dest));
    if (str_eq(dest, S(".")) || str_eq(dest, S("..")))
        c->dest = str_fmt_in(&c->s->arena, STR_FMT "/", STR_ARG(c->dest));
    return 0;
}

/* --- where from --- */

static int open_image(Copy *c, Str text, Err *err)
{
    BaseImage *image;

    TRY(image_resolve(c->s->b, text, &c->s->stage->platform, &image, err));
    image_prefetch(c->s->b, image);
    c->image_fs = rootfs_from_image(c->s->b, image);
    return 0;
}

static int open_from(Copy *c, Rootfs **ret, Err *err)
{
    const Flag *from = instr_flag(c->step->i, "from");
    Stage *stage;
    Str image;

    *ret = NULL;
    if (!from) {
        return 0; /* see copy_local() */
    }
    TRY(plan_find_source(c->s->plan, c->s->stage, from->value, &stage, &image, err));
    if (!stage)
        TRY(named_context(c->s->b, image, &c->s->stage->platform, &c->named, err));
    if (c->named) {
        TRY(context_load(c->named, err));
        c->job.from = context_tree(c->named);
        return 0;
    }
    c->job.keep_owner = true;
    if (stage) {
        *ret = stage_rootfs(stage);
    } else {
        TRY(open_image(c, image, err));
        *ret = c->image_fs;
    }
    TRY(rootfs_load(*ret, false, err));
    c->job.from = (*ret)->tree;
    return 0;
}

/* --- sources --- */

/* Returns 1 when the file was an archive and has been unpacked. */
static int add_archive(Copy *c, FileSource *files, const CopyMatch *m, Err *err)
{
    cleanup_open_file OpenFile file = OPEN_FILE_NONE;
    NodeVec wanted = {0};
    Unpacked *u;
    CopyJob job = c->job;
    int is_archive, rc;

    if (!S_ISREG(m->node->inode->mode) || m->node->inode->size < TAR_BLOCK / 8)
        return 0;
    TRY(files->open(files, m->node, &file, err));
    is_archive = unpacked_open(&file, m->node->inode->size, &u, err);
    if (is_archive < 0)
        return err_wrap(err, "ADD " STR_FMT, STR_ARG(m->name));
    if (!is_archive)
        return 0;
    vec_push(&c->archives, u);
    job.from = u->tree;
    job.source = (uint32_t)c->files.from.n;
    job.keep_owner = job.archive = true;
    job.new_dir_mode = 0755; /* --chmod is for files, not for what an archive holds */
    job.files = &wanted;
    vec_push(&c->files.from, &u->s);
    rc = copy_tree_into(&job, m->node->inode->mtime_ns, c->dest, err);
    if (rc == 0)
        rc = unpacked_fetch(u, c->s->b->store, &wanted, err);
    vec_done(&wanted);
    return rc < 0 ? -1 : 1;
}

/* Archives are unpacked when they are local, unless --unpack says otherwise. */
static bool unpacks(const Copy *c, bool local)
{
    if (c->step->i->kind != INSTR_ADD)
        return false;
    return instr_flag(c->step->i, "unpack") ? instr_flag_is_on(c->step->i, "unpack") : local;
}

static int copy_match_to_dest(Copy *c, const CopyMatch *m, Err *err)
{
    if (unpacks(c, true)) {
        int done = add_archive(c, context_files(c->s->b->req->context), m, err);

        if (done != 0)
            return done < 0 ? -1 : 0;
    }
    return copy_one(&c->job, m, c->dest, err);
}

static int copy_local(Copy *c, Str source, Err *err)
{
    CopyMatchVec matches = {0};
    Context *context = c->s->b->req->context;
    bool parents = instr_flag_is_on(c->step->i, "parents");
    size_t cut = 0;
    int rc;

    if (!instr_flag(c->step->i, "from")) {
        TRY(context_load(context, err));
        c->job.from = context_tree(context);
    }
    rc = parents ? copy_match_parents(c->job.from, &c->s->arena, source, &matches, &cut, err)
                 : copy_match(c->job.from, &c->s->arena, source, &matches, err);
    for (size_t i = 0; rc == 0 && i < matches.n; i++)
        rc = parents ? copy_with_parents(&c->job, &matches.v[i], cut, c->dest, err)
                     : copy_match_to_dest(c, &matches.v[i], err);
    vec_done(&matches);
    return rc;
}

static int open_remote(Copy *c, Str source, Context **ret, Err *err)
{
    AddFetched got = {0};

    TRY(add_fetch(c->s, c->step, source, &got, err));
    if (got.owned)
        vec_push(&c->remotes, got.context);
    *ret = got.context;
    return 0;
}

/* Its files, not a directory that holds them: 'dest' is always one to put them into. */
static int add_repository(Copy *c, Context *remote, Err *err)
{
    CopyMatch m = {tree_root(context_tree(remote)), S(""), S("")};
    CopyJob job = c->job;

    job.from = context_tree(remote);
    job.source = (uint32_t)c->files.from.n;
    vec_push(&c->files.from, context_files(remote));
    return copy_one(&job, &m, str_fmt_in(&c->s->arena, STR_FMT "/", STR_ARG(c->dest)), err);
}

static int add_remote(Copy *c, Str source, Err *err)
{
    CopyJob job = c->job;
    CopyMatch m;
    Context *remote;

    TRY(open_remote(c, source, &remote, err));
    if (remote_kind(source) == REMOTE_GIT)
        return add_repository(c, remote, err);
    m.node = tree_root(context_tree(remote))->inode->children;
    m.name = m.path = node_name(m.node);
    if (unpacks(c, false)) {
        int done = add_archive(c, context_files(remote), &m, err);

        if (done != 0)
            return done < 0 ? -1 : 0;
    }
    job.from = context_tree(remote);
    job.source = (uint32_t)c->files.from.n;
    vec_push(&c->files.from, context_files(remote));
    return copy_one(&job, &m, c->dest, err);
}

static int copy_source(Copy *c, Str source, Err *err)
{
    if (c->step->i->kind == INSTR_COPY)
        TRY(refuse_remote(source, err));
    return remote_kind(source) == REMOTE_NONE ? copy_local(c, source, err)
                                              : add_remote(c, source, err);
}

static int copy_heredoc(Copy *c, const Heredoc *h, Err *err)
{
    CopyJob job = c->job;
    CopyMatch m;

    TRY(inline_add(&c->heredocs, c->s, h, &m.node, err));
    m.name = m.path = node_name(m.node);
    job.from = c->heredocs.tree;
    job.source = 1;
    job.keep_owner = false;
    return copy_one(&job, &m, c->dest, err);
}

/* Files first, then heredocs. */
static int copy_sources(Copy *c, Err *err)
{
    const Instr *i = c->step->i;

    for (size_t n = 0; n + 1 < i->args.n; n++) {
        Str source;

        if (instr_heredoc(i, i->args.v[n]))
            continue;
        TRY(stage_expand(c->s, i->args.v[n], &source, err));
        buf_addf(&c->history, " " STR_FMT, STR_ARG(remote_redacted(&c->s->arena, source)));
        if (copy_source(c, source, err) < 0)
            return dockerfile_error_at(c->step->d, i, i->args.v[n], err);
    }
    vec_foreach(h, &i->heredocs) {
        buf_addf(&c->history, " <<" STR_FMT, STR_ARG(h->name));
        TRY(copy_heredoc(c, h, err));
    }
    return 0;
}

static int open_files(Copy *c, Rootfs *from, Err *err)
{
    if (!from) {
        c->files.from.v[0] = context_files(c->named ? c->named : c->s->b->req->context);
        return 0;
    }
    TRY(rootfs_files_open(from, &c->fetched, &c->stage_files, err));
    c->stage_files_open = true;
    c->files.from.v[0] = &c->stage_files.s;
    return 0;
}

static int do_copy(Copy *c, StepReport *report, Err *err)
{
    const Instr *i = c->step->i;
    Rootfs *from;
    Str dest;

    TRY(rootfs_load(c->s->fs, c->s->stage->runs, err));
    buf_add_z(&c->history, instr_name(i->kind));
    TRY(read_flags(c, err));
    TRY(read_dest(c, err));
    TRY(open_from(c, &from, err));
    vec_push(&c->files.from, NULL); /* known when it is known which files are wanted */
    vec_push(&c->files.from, &c->heredocs.s);
    c->job.stage = c->s;
    c->job.files = &c->fetched;
    TRY(copy_sources(c, err));
    TRY(open_files(c, from, err));
    TRY(stage_expand(c->s, i->args.v[i->args.n - 1], &dest, err));
    buf_addf(&c->history, " " STR_FMT " # buildkit", STR_ARG(dest));
    return stage_commit(c->s, &c->files.s, buf_str(&c->history), report, err);
}

static int run_copy(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    Copy c = {.s = s, .step = step, .history = BUF_INIT(BUF_SMALL), .stage_files = {.disk_fd = -1}};
    int rc;

    copy_files_init(&c.files);
    inline_init(&c.heredocs);
    rc = do_copy(&c, report, err);
    if (c.stage_files_open)
        rootfs_files_done(&c.stage_files);
    vec_foreach(u, &c.archives)
        unpacked_free(*u);
    vec_done(&c.archives);
    vec_foreach(r, &c.remotes)
        context_free(*r);
    vec_done(&c.remotes);
    rootfs_free(c.image_fs);
    copy_files_done(&c.files);
    inline_done(&c.heredocs);
    ignore_free(c.exclude);
    vec_done(&c.fetched);
    buf_done(&c.history);
    return rc;
}

const StepOps step_copy = {.touches_files = true, .check = check_copy, .run = run_copy};
const StepOps step_add = {.touches_files = true, .check = check_add, .run = run_copy};
