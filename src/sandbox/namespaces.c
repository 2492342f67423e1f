/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `namespaces` kind: KILN_DIR/roots/s.XXXXXX/N is a root, and a run gets namespaces of its own and pivots into it.
 *
 * Which namespaces, is found by trying: a ladder of plans from the best to the least, each probed by a run that sets everything up in
 * an empty root and stops short of a command. The rungs differ in two things. A user namespace for the run alone is what
 * lets a container's root without CAP_SYS_ADMIN mount (an ordinary user's whole builder is in one already: userns.h).
 * And the pid namespace goes together with a fresh /proc, which is refused where the existing one is partly covered.
 *
 * Several kilns may share a KILN_DIR, so each has a directory of its own there and holds its lock, s.XXXXXX.lock; what nobody holds the
 * lock of was left by a kiln that was killed, and is removed by the next.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/walk.h"
#include "sandbox/asked_mounts.h"
#include "sandbox/kind.h"
#include "sandbox/userns.h"

typedef struct Plan {
    const char *name;
    int clone_flags;
    bool own_pids;
} Plan;

enum {
    CLONE_ALWAYS = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS
};

static const Plan plans[] = {
    {"own namespaces", CLONE_ALWAYS | CLONE_NEWPID, true},
    {"own namespaces but for the pids", CLONE_ALWAYS, false},
    {"own namespaces in a user namespace", CLONE_ALWAYS | CLONE_NEWUSER | CLONE_NEWPID, true},
    {"the same but for the pids", CLONE_ALWAYS | CLONE_NEWUSER, false},
};

typedef struct NsRoot {
    Root r;
    char *name; /* below the sandbox's directory */
} NsRoot;

typedef struct NsSandbox {
    Sandbox base;
    char *dir; /* absolute; KILN_DIR/roots/s.XXXXXX */
    char *lock_path;
    int dir_fd, lock_fd;
    const Plan *plan;
    bool may_chown;
    StrVec foreign; /* empty: a root here is only the image's */
    pthread_mutex_t lock;
    VEC(NsRoot *) roots;
    unsigned next;
} NsSandbox;

/* ---- the directory ---- */

#define LOCK_SUFFIX ".lock"

/* 'name': the directory's, or that of its lock; one may be there without the other. */
static void remove_if_stale(int roots_fd, const char *roots, Str name)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_close int lock = -1;
    Str dir, path;
    Err err;
    int rc;

    if (str_ends(name, S(LOCK_SUFFIX)))
        name.n -= sizeof(LOCK_SUFFIX) - 1;
    dir = str_dup_in(&a, name);
    path = str_fmt_in(&a, "%s/" STR_FMT LOCK_SUFFIX, roots, STR_ARG(dir));
    if (lock_file_try(path.p, LOCK_EXCLUSIVE, &lock, &err) != 1)
        return;
    rc = dir_remove_all(roots_fd, dir.p, &err);
    if (rc < 0)
        log_debug("roots of an earlier kiln: %s", err.msg);
    else if (rc == 0)
        (void)unlink(path.p);
}

static void remove_stale(int roots_fd, const char *roots)
{
    cleanup_dir_list DirList list = {0};
    Err err;

    if (dir_list(roots_fd, &list, &err) < 0)
        return;
    for (size_t i = 0; i < list.n; i++)
        if (strncmp(list.v[i].name, "s.", 2) == 0)
            remove_if_stale(roots_fd, roots, str_from(list.v[i].name));
}

void sandbox_remove_stale(const char *kiln_dir)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str roots = str_fmt_in(&a, "%s/roots", kiln_dir);
    cleanup_close int fd = open(roots.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        remove_stale(fd, roots.p);
}

/* 1 when locked, 0 when somebody else has it, or has removed it meanwhile. */
static int lock_own_dir(NsSandbox *s, Err *err)
{
    int got;

    free(s->lock_path);
    if (asprintf(&s->lock_path, "%s" LOCK_SUFFIX, s->dir) < 0)
        return err_sys(err, "asprintf");
    TRY(got = lock_file_try(s->lock_path, LOCK_EXCLUSIVE, &s->lock_fd, err));
    if (got == 0 || access(s->dir, F_OK) == 0)
        return got;
    (void)unlink(s->lock_path);
    close_at(&s->lock_fd);
    return 0;
}

/* Make and lock; another kiln may take the new directory for a stale one before it is locked, then once more. */
static int make_own_dir(NsSandbox *s, const char *roots, Err *err)
{
    int locked = 0;

    while (locked == 0) {
        free(s->dir);
        close_at(&s->dir_fd);
        if (asprintf(&s->dir, "%s/s.XXXXXX", roots) < 0 || !mkdtemp(s->dir))
            return err_sys(err, "make a directory in %s", roots);
        s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->dir_fd < 0 && errno != ENOENT)
            return err_sys(err, "open %s", s->dir);
        locked = s->dir_fd < 0 ? 0 : lock_own_dir(s, err);
        if (locked < 0)
            return -1;
    }
    return 0;
}

static int open_dir(NsSandbox *s, const char *kiln_dir, Err *err)
{
    cleanup_free char *roots = NULL;
    cleanup_close int roots_fd = -1;

    if (asprintf(&roots, "%s/roots", kiln_dir) < 0)
        return err_sys(err, "asprintf");
    TRY(dir_make_all(AT_FDCWD, roots, 0700, err));
    roots_fd = open(roots, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (roots_fd < 0)
        return err_sys(err, "open %s", roots);
    remove_stale(roots_fd, roots);
    return make_own_dir(s, roots, err);
}

/* ---- roots ---- */

static void ns_root_done(NsRoot *r)
{
    close_at(&r->r.fd);
    free(r->name);
    free(r);
}

static int ns_root_new(Sandbox *sandbox, Root **ret, Err *err)
{
    NsSandbox *s = (NsSandbox *)sandbox;
    NsRoot *r = NEW(NsRoot);

    r->r = (Root){.fd = -1, .may_chown = s->may_chown, .foreign = &s->foreign};
    (void)pthread_mutex_lock(&s->lock);
    if (asprintf(&r->name, "%u", s->next++) > 0)
        vec_push(&s->roots, r); /* NOLINT(bugprone-sizeof-expression): a list of pointers */
    (void)pthread_mutex_unlock(&s->lock);
    /* mode and group are set apart: the umask is the user's, and a set-group-id directory gives its group on */
    if (mkdirat(s->dir_fd, r->name, 0755) < 0 || fchmodat(s->dir_fd, r->name, 0755, 0) < 0 ||
        fchownat(s->dir_fd, r->name, (uid_t)-1, getegid(), 0) < 0)
        return err_sys(err, "make the root directory %s/%s", s->dir, r->name);
    r->r.fd = openat(s->dir_fd, r->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->r.fd < 0)
        return err_sys(err, "open %s/%s", s->dir, r->name);
    *ret = &r->r;
    return 0;
}

/* They are all active, all the time. */
static int ns_root_activate(Sandbox *sandbox, Root *r, Err *err)
{
    (void)sandbox;
    (void)r;
    (void)err;
    return 0;
}

static int ns_root_open_readonly(Sandbox *sandbox, Root *r, Err *err)
{
    int fd = fcntl(r->fd, F_DUPFD_CLOEXEC, 3);

    (void)sandbox;
    return fd < 0 ? err_sys(err, "duplicate a descriptor") : fd;
}

static void ns_root_free(Sandbox *sandbox, Root *root)
{
    NsSandbox *s = (NsSandbox *)sandbox;
    NsRoot *r = (NsRoot *)root;
    Err err;

    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->roots.n; i++)
        if (s->roots.v[i] == r)
            s->roots.v[i--] = s->roots.v[--s->roots.n];
    (void)pthread_mutex_unlock(&s->lock);
    if (dir_remove_all(s->dir_fd, r->name, &err) < 0)
        log_debug("remove a root: %s", err.msg);
    ns_root_done(r);
}

/* ---- running ---- */

static int make_mount_points(const Root *r, const RunRequest *req, MountPointVec *made, Err *err)
{
    static const char *const dirs[] = {"proc", "sys", "dev"};

    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        TRY(mount_point_make(r->fd, dirs[i], true, made, err));
    if (req->resolv)
        TRY(mount_point_make(r->fd, "etc/resolv.conf", false, made, err));
    if (req->hosts)
        TRY(mount_point_make(r->fd, "etc/hosts", false, made, err));
    return asked_mounts_points(r->fd, &req->spec, made, err);
}

/*
 * The builder's /etc/hosts with a line for the name that the run has for itself: without it sudo complains and Java
 * cannot find its own address. A file per root, beside it; *ret is owned by the caller.
 */
static int write_hosts(NsSandbox *s, const NsRoot *r, const char *hostname, char **ret, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    cleanup_free char *name = NULL;
    Err ignored;

    if (file_read(AT_FDCWD, "/etc/hosts", &text, &ignored) < 0) {
        buf_truncate(&text, 0);
        buf_add_z(&text, "127.0.0.1 localhost\n::1 localhost\n");
    }
    if (hostname)
        buf_addf(&text, "\n127.0.0.1 %s\n", hostname);
    TRY(buf_check(&text, "/etc/hosts", err));
    if (asprintf(&name, "%s.hosts", r->name) < 0)
        return err_sys(err, "asprintf");
    TRY(file_write_atomic(s->dir_fd, name, 0644, buf_str(&text), err));
    if (asprintf(ret, "%s/%s", s->dir, name) < 0)
        return err_sys(err, "asprintf");
    return 0;
}

/* The builder's roots as directories that the supervisor can open. */
static void resolve_mounts(const NsSandbox *s, RunSpec *spec, Arena *a)
{
    SandboxMount *v = arena_new_n(a, SandboxMount, spec->n_mounts);

    for (size_t i = 0; i < spec->n_mounts; i++) {
        v[i] = spec->mounts[i];
        if (v[i].from)
            v[i].dir = str_fmt_in(a, "%s/%s", s->dir, ((const NsRoot *)v[i].from)->name).p;
    }
    spec->mounts = v;
}

static int ns_new_dir(Sandbox *sandbox, char **ret, Err *err)
{
    NsSandbox *s = (NsSandbox *)sandbox;
    cleanup_free char *path = NULL;
    unsigned n;

    (void)pthread_mutex_lock(&s->lock);
    n = s->next++;
    (void)pthread_mutex_unlock(&s->lock);
    if (asprintf(&path, "%s/%u.dir", s->dir, n) < 0)
        return err_sys(err, "asprintf");
    if (mkdir(path, 0700) < 0)
        return err_sys(err, "make the directory %s", path);
    *ret = steal_ptr(&path);
    return 0;
}

static void remove_dir(char **path)
{
    Err err;

    if (*path && dir_remove_all(AT_FDCWD, *path, &err) < 0)
        log_debug("remove %s: %s", *path, err.msg);
    free_at(path);
}

static int run_with_plan(NsSandbox *s, NsRoot *r, RunRequest *req, int out_fd, int err_fd,
                         RunResult *ret, Err *err)
{
    cleanup_mount_points MountPointVec made = {0};
    cleanup_free char *root = NULL, *hosts = NULL;
    cleanup_with(remove_dir) char *scratch = NULL;
    int net = req->spec.network == RUN_NETWORK_NONE ? CLONE_NEWNET : 0;

    TRY(write_hosts(s, r, req->spec.hostname, &hosts, err));
    if (asprintf(&root, "%s/%s", s->dir, r->name) < 0)
        return err_sys(err, "asprintf");
    req->root = root;
    req->hosts = hosts;
    req->resolv = access("/etc/resolv.conf", R_OK) == 0 ? "/etc/resolv.conf" : NULL;
    req->own_pids = s->plan->own_pids;
    if (asked_mounts_need_scratch(&req->spec))
        TRY(ns_new_dir(&s->base, &scratch, err));
    req->scratch = scratch;
    TRY(make_mount_points(&r->r, req, &made, err));
    return launcher_run(s->base.launcher, s->plan->clone_flags | net, req, out_fd, err_fd, ret,
                        err);
}

static int ns_run(Sandbox *sandbox, Root *root, const RunSpec *spec, int out_fd, int err_fd,
                  RunResult *ret, Err *err)
{
    NsSandbox *s = (NsSandbox *)sandbox;
    cleanup_arena Arena a = ARENA_INIT;
    RunRequest req = {.spec = *spec};

    resolve_mounts(s, &req.spec, &a);
    return run_with_plan(s, (NsRoot *)root, &req, out_fd, err_fd, ret, err);
}

/* ---- opening ---- */

typedef struct Reasons {
    Err own;  /* why it does not work without a user namespace */
    Err user; /* and with one. The first of each: the rest are ways around */
} Reasons;

/* 1 when the plan works, 0 when it does not (noted), -1 when we are told to stop. */
static int try_plan(NsSandbox *s, const Plan *plan, NsRoot *r, Reasons *why, Err *err)
{
    RunRequest req = {.spec = {.cwd = "/"}, .probe = true};
    Err *slot = plan->clone_flags & CLONE_NEWUSER ? &why->user : &why->own;
    Err got = {0};

    s->plan = plan;
    if (run_with_plan(s, r, &req, STDERR_FILENO, STDERR_FILENO, NULL, &got) == 0)
        return 1;
    log_debug("%s: %s", plan->name, got.msg);
    if (slot->kind == ERR_NONE)
        *slot = got;
    if (got.kind != ERR_CANCELLED)
        return 0;
    *err = got;
    return -1;
}

static int probe(NsSandbox *s, Err *err)
{
    Reasons why = {0};
    Root *root = NULL;
    int works = 0;

    TRY(ns_root_new(&s->base, &root, err));
    for (size_t i = 0; works == 0 && i < ARRAY_LEN(plans); i++)
        works = try_plan(s, &plans[i], (NsRoot *)root, &why, err);
    ns_root_free(&s->base, root);
    if (works != 0)
        return works < 0 ? -1 : 0;
    return err_set(err, ERR_UNSUPPORTED, "%.900s (and in a user namespace: %.900s)", why.own.msg,
                   why.user.msg);
}

/* The lock last, and not when something is left: then the next kiln tries. */
static void remove_own_dir(NsSandbox *s)
{
    int rc = 0;
    Err err;

    if (s->dir_fd >= 0)
        rc = dir_remove_all(AT_FDCWD, s->dir, &err);
    if (rc < 0)
        log_debug("remove %s: %s", s->dir, err.msg);
    else if (rc == 0 && s->lock_fd >= 0)
        (void)unlink(s->lock_path);
    close_at(&s->dir_fd);
    close_at(&s->lock_fd);
    free(s->dir);
    free(s->lock_path);
}

static void ns_free(Sandbox *sandbox)
{
    NsSandbox *s = (NsSandbox *)sandbox;

    while (s->roots.n > 0)
        ns_root_free(&s->base, &s->roots.v[s->roots.n - 1]->r);
    vec_done(&s->roots);
    remove_own_dir(s);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

static int ns_open(const SandboxOpts *opts, Launcher *l, Sandbox **ret, Err *err)
{
    NsSandbox *s = NEW(NsSandbox);

    *s = (NsSandbox){.base = {.launcher = l},
                     .dir_fd = -1,
                     .lock_fd = -1,
                     .may_chown = userns_maps_all()};
    (void)pthread_mutex_init(&s->lock, NULL);
    if (geteuid() != 0) {
        ns_free(&s->base);
        return err_set(err, ERR_UNSUPPORTED, "needs root, or a user namespace");
    }
    if (open_dir(s, opts->kiln_dir, err) < 0 || probe(s, err) < 0) {
        ns_free(&s->base);
        return -1;
    }
    *ret = &s->base;
    return 0;
}

const SandboxKind sandbox_namespaces = {
    .name = "namespaces",
    .parallel = true,
    .open = ns_open,
    .free = ns_free,
    .root_new = ns_root_new,
    .root_activate = ns_root_activate,
    .root_open_readonly = ns_root_open_readonly,
    .root_free = ns_root_free,
    .new_dir = ns_new_dir,
    .run = ns_run,
};
