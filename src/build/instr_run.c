/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RUN: make the disk, run, scan, write what changed.
 */
#include <signal.h>

#include "base/limits.h"
#include "build/run_mounts.h"
#include "build/user.h"

#define SCRIPTS_DIR "/dev/pipes" /* where BuildKit has them */

enum {
    KILLED_STATUS = 255 /* what kaniko hands on for a command that was killed by a signal */
};

/* --- the command --- */

static bool is_shebang(const Instr *i)
{
    return i->heredocs.n == 1 && str_starts(i->heredocs.v[0].body, S("#!"));
}

/*
 * `RUN <<EOF` alone: the body is the command, or a program of its own when it begins with #!. With
 * anything beside it the shell itself reads the heredocs.
 */
static bool is_lone_heredoc(const Instr *i)
{
    return i->args.n == 1 && instr_heredoc(i, i->args.v[0]);
}

static int check_run(const Dockerfile *d, const Instr *i, Err *err)
{
    const Flag *network = instr_flag(i, "network"), *security = instr_flag(i, "security");

    (void)d;
    if (instr_flag(i, "device"))
        return err_set(err, ERR_UNSUPPORTED,
                       "RUN --device is not supported: a build container has no devices to give");
    if (security && str_eq(security->value, S("insecure")))
        return err_set(err, ERR_UNSUPPORTED,
                       "RUN --security=insecure: security.insecure is not allowed");
    if (security && !str_eq(security->value, S("sandbox")))
        return err_set(err, ERR_SYNTAX, "security \"" STR_FMT "\" is not valid",
                       STR_ARG(security->value));
    if (network && !str_eq(network->value, S("default")) && !str_eq(network->value, S("none")) &&
        !str_eq(network->value, S("host")))
        return err_set(err, ERR_SYNTAX, "invalid network mode \"" STR_FMT "\"",
                       STR_ARG(network->value));
    return 0;
}

/* The text that goes to the shell. */
static Str shell_text(StageBuild *s, const Instr *i)
{
    cleanup_buf Buf b = BUF_INIT(LIMIT_RUN_TEXT);

    if (i->heredocs.n == 0)
        return i->args.n ? i->args.v[0] : S("");
    if (is_lone_heredoc(i))
        return i->heredocs.v[0].body;
    buf_add(&b, i->args.n ? i->args.v[0] : i->rest);
    vec_foreach(h, &i->heredocs) {
        buf_add_char(&b, '\n');
        buf_add(&b, h->body);
        buf_add(&b, h->name);
    }
    return str_dup_in(&s->arena, buf_str(&b));
}

static Str join_words(Arena *a, const StrVec *words)
{
    cleanup_buf Buf b = BUF_INIT(LIMIT_RUN_TEXT);

    for (size_t i = 0; i < words->n; i++) {
        if (i)
            buf_add_char(&b, ' ');
        buf_add(&b, words->v[i]);
    }
    return str_dup_in(a, buf_str(&b));
}

/* --- running --- */

static RunNetwork network_mode(const Instr *i)
{
    const Flag *f = instr_flag(i, "network");

    if (f && str_eq(f->value, S("none")))
        return RUN_NETWORK_NONE;
    return f && str_eq(f->value, S("host")) ? RUN_NETWORK_HOST : RUN_NETWORK_DEFAULT;
}

/*
 * What a message shows of a command: the reason that follows must not be cut off, nor the line end.
 */
static Str shown(Arena *a, Str command)
{
    enum {
        SHOWN_MOST = 300
    };
    size_t n = 0;

    while (n < command.n && n < SHOWN_MOST && command.p[n] != '\n')
        n++;
    return n == command.n ? command : str_fmt_in(a, STR_FMT " ...", STR_ARG(str_head(command, n)));
}

static int judge(const RunResult *r, Str command, Err *err)
{
    if (r->exit_code == 0)
        return 0;
    if (r->not_found)
        (void)err_set(err, ERR_RUN, "process \"" STR_FMT "\" could not be started: %s",
                      STR_ARG(command), r->detail);
    else if (r->term_signal)
        (void)err_set(err, ERR_RUN,
                      "process \"" STR_FMT
                      "\" did not complete successfully: killed by signal %d (%s)%s",
                      STR_ARG(command), r->term_signal, strsignal(r->term_signal),
                      r->term_signal == SIGKILL ? "; was it out of memory?" : "");
    else
        (void)err_set(err, ERR_RUN,
                      "process \"" STR_FMT "\" did not complete successfully: exit code: %d",
                      STR_ARG(command), r->exit_code);
    err->exit_code = r->term_signal ? KILLED_STATUS : r->exit_code;
    return -1;
}

/* WORKDIR's directory may have been removed, or come from the base without existing: it is made. */
static int make_cwd(StageBuild *s, Err *err)
{
    NewDir as = {.mode = 0755, .mtime_ns = stage_dir_time(s)};
    Str canonical;
    Node *dir;

    TRY(tree_canonical(s->fs->tree, &s->arena, stage_workdir(s), true, &canonical, err));
    TRY(tree_at(s->fs->tree, canonical, &dir, err));
    if (dir)
        return 0;
    return stage_make_dirs_on_disk(s, canonical, &as, err);
}

/* A build may choose the name that its commands see. */
static const char *host_name(const StageBuild *s)
{
    const KeyValue *arg = key_values_find(&s->b->req->build_args, S("BUILDKIT_SANDBOX_HOSTNAME"));

    return arg && arg->value.n ? str_dup_in(&s->b->arena, arg->value).p : "buildkitsandbox";
}

static void tell_running(const StageBuild *s, bool now)
{
    const BuildEvents *ev = s->b->req->events;

    if (ev && ev->running)
        ev->running(ev->ctx, now);
}

static int run_command(StageBuild *s, const Instr *i, const StrVec *argv, RunMounts *mounts,
                       Err *err)
{
    cleanup_arena Arena a =
        ARENA_INIT; /* the environment may be large, and there may be many RUNs */
    User user;
    StrVec env = {0};
    Sandbox *box;
    RunResult result;
    RunSpec spec = {.argv = argv,
                    .env = &env,
                    .hostname = host_name(s),
                    .network = network_mode(i),
                    .mounts = mounts->list.v,
                    .n_mounts = mounts->list.n};
    int rc;

    TRY(builder_sandbox(s->b, &box, err));
    TRY(user_for_run(s->fs, &s->arena, s->config.user, &user, err));
    scope_environ(&s->scope, &a, user.home, &env);
    run_mounts_environ(mounts, &env);
    spec.cwd = str_dup_in(&s->arena, path_clean(&s->arena, stage_workdir(s))).p;
    spec.uid = user.uid;
    spec.gid = user.gid;
    spec.groups = user.groups.v;
    spec.n_groups = user.groups.n;
    tell_running(s, true);
    rc = sandbox_run(box, s->fs->root, &spec, s->b->req->out_fd, s->b->req->err_fd, &result, err);
    tell_running(s, false);
    vec_done(&env);
    user_done(&user);
    TRY(rc);
    TRY(run_mounts_settle(s, mounts, err));
    return judge(&result, shown(&s->arena, join_words(&s->arena, argv)), err);
}

static int scan_before(StageBuild *s, Err *err)
{
    ScanOpts o = rootfs_scan_opts(s->fs);

    if (!s->fs->stamped)
        TRY(scan_adopt(s->fs->tree, &o, err));
    s->fs->stamped = true;
    scan_settle(s->fs->tree);
    return 0;
}

/* Mounted over by every runtime, and no part of an image. */
static bool is_usual_mount(Str path)
{
    static const char *const usual[] = {"proc",         "sys",
                                        "dev",          "etc/hosts",
                                        "etc/hostname", "etc/resolv.conf",
                                        "etc/mtab",     "run/.containerenv"};

    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        if (str_eq(path, str_from(usual[i])))
            return true;
    return false;
}

static bool was_told(const StageBuild *s, Str path)
{
    vec_foreach(p, &s->hidden)
        if (str_eq(*p, path))
            return true;
    return false;
}

/*
 * In place a mount of the container stays where it is, over whatever the image has there. RUN then
 * works on the mount's files, and what it makes there is not in the image: nothing can be done
 * about it here, but it must be said.
 */
static int warn_of_mounts(StageBuild *s, Err *err)
{
    Str cwd = path_rooted(&s->arena, stage_workdir(s));

    vec_foreach(path, s->fs->root->foreign) {
        Node *n;

        if (is_usual_mount(*path) || was_told(s, *path))
            continue;
        TRY(tree_at(s->fs->tree, *path, &n, err));
        if (!path_within(cwd, *path) && (!n || (node_is_dir(n) && !n->inode->children)))
            continue;
        vec_push(&s->hidden, str_dup_in(&s->arena, *path));
        builder_warn(
            s->b,
            "/" STR_FMT
            " of the image is hidden by a mount of this container (or is kiln's own): RUN sees that, and what it "
            "writes there is not in the image",
            STR_ARG(*path));
    }
    return 0;
}

/* A heredoc that is a program is a file while it runs. */
static void add_script(StageBuild *s, const Instr *i, RunMounts *mounts, StrVec *argv)
{
    Str path = path_join(&s->b->arena, S(SCRIPTS_DIR), i->heredocs.v[0].name);

    path = str_dup_in(&s->b->arena, path);
    run_mounts_add_file(mounts, path.p, 0755, i->heredocs.v[0].body);
    vec_push(argv, path);
}

/* Files that are mounted may have to be unpacked, where this stage's disk is. */
static int prepare_mounts(StageBuild *s, const Instr *i, RunMounts *mounts, Err *err)
{
    unsigned disks = s->b->disks;

    TRY(run_mounts_prepare(s, i, mounts, err));
    return s->b->disks == disks ? 0 : rootfs_activate(s->fs, err);
}

static int run_and_commit(StageBuild *s, const Instr *i, const StrVec *argv, RunMounts *mounts,
                          StepReport *report, Err *err)
{
    Str command = join_words(&s->arena, argv), args, created_by;
    ScanOpts o;

    TRY(scope_args_prefix(&s->scope, &args, err));
    created_by = str_fmt_in(&s->arena, "RUN " STR_FMT STR_FMT " # buildkit", STR_ARG(args),
                            STR_ARG(command));
    TRY(rootfs_load(s->fs, true, err));
    TRY(prepare_mounts(s, i, mounts, err));
    TRY(make_cwd(s, err));
    TRY(scan_before(s, err));
    TRY(warn_of_mounts(s, err));
    TRY(run_command(s, i, argv, mounts, err));
    o = rootfs_scan_opts(s->fs);
    TRY(scan_changes(s->fs->tree, &o, err));
    s->content_ns = builder_time_ns(s->b);
    return stage_commit(s, NULL, created_by, report, err);
}

static int run_run(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    cleanup_run_mounts RunMounts mounts = {0};
    StrVec argv = {0};
    int rc;

    if (is_lone_heredoc(step->i) && is_shebang(step->i))
        add_script(s, step->i, &mounts, &argv);
    else
        stage_command_line(s, step->i, shell_text(s, step->i), &argv);
    if (argv.n == 0)
        rc = err_set(err, ERR_SYNTAX, "arguments are required");
    else
        rc = run_and_commit(s, step->i, &argv, &mounts, report, err);
    vec_done(&argv);
    return rc;
}

const StepOps step_run = {.touches_files = true, .check = check_run, .run = run_run};
