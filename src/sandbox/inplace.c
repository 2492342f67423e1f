/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `inplace` kind: the container's own "/" is the root, for a builder that may neither mount nor unshare.
 *
 *      /                    the active root, and what is foreign: mounts, the kiln directory (foreign.h)
 *      ROOTS/host           what the container had in "/" before
 *      ROOTS/host.moving    the same while it is being moved out or back in
 *      ROOTS/0, 1, ...      roots that are not active
 *
 * ROOTS is KILN_DIR/roots if a rename from "/" to there works, else a directory in "/" itself (KILN_DIR is a volume then). Changing
 * the root is a matter of a few renames: move.h.
 *
 * The name of the host's directory is the journal. A crash leaves `host.moving`: part of it is in "/" and nothing
 * else is, so moving the rest back is all there is to do. Or it leaves `host`: then all of the host is there, and
 * whatever is in "/" can be made again. The next kiln in this container begins with that.
 *
 * While "/" is empty kiln lives on what it has mapped: nothing may be loaded, and no file of the container be read.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/log.h"
#include "os/chase.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/walk.h"
#include "sandbox/foreign.h"
#include "sandbox/kind.h"
#include "sandbox/move.h"
#include "sandbox/swap.h"
#include "sandbox/userns.h"

#define HOST           "host"
#define HOST_MOVING    "host.moving"
#define SWAP           "swap" /* swap.h's, while something is run with mounts */
#define ROOTS_IN_SLASH "/.kiln-roots"

typedef struct InRoot {
    Root r;
    char name[16]; /* in ROOTS, while it is not active */
} InRoot;

typedef struct Inplace {
    Sandbox base;
    int slash;      /* "/" */
    int roots_fd;   /* ROOTS */
    Str roots_path; /* absolute */
    bool own_roots; /* ROOTS is ROOTS_IN_SLASH */
    int lock_fd;    /* one kiln at a time can have the "/" of a container */
    bool keep_final;
    char *cwd;   /* kiln's own: below "/", it may be moved; NULL: cannot be told */
    Arena arena; /* owns the strings of 'keep' */
    StrVec keep;
    Foreign foreign;
    InRoot *active; /* NULL: "/" holds only what is foreign */
    VEC(InRoot *) roots;
    unsigned next;
} Inplace;

/* ---- moving between "/" and ROOTS ---- */

static int open_in_roots(const Inplace *s, const char *name, Err *err)
{
    int fd = openat(s->roots_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? err_sys(err, "open the directory of root %s", name) : fd;
}

/* All that is not foreign, from "/" into ROOTS/NAME, which may exist in part. */
static int put_aside(Inplace *s, const char *name, Err *err)
{
    cleanup_close int fd = -1;

    if (mkdirat(s->roots_fd, name, 0700) < 0 && errno != EEXIST)
        return err_sys(err, "make a directory for root %s", name);
    fd = open_in_roots(s, name, err);
    if (fd < 0)
        return -1;
    return move_contents(s->slash, fd, &s->foreign.paths, err);
}

/* And back. What cannot go in because a mount has come there meanwhile is dropped with the directory, except for the host. */
static int bring_back(Inplace *s, const char *name, bool drop, Err *err)
{
    cleanup_close int fd = open_in_roots(s, name, err);

    if (fd < 0)
        return -1;
    TRY(move_contents(fd, s->slash, &s->foreign.paths, err));
    if (drop)
        return dir_remove_all(s->roots_fd, name, err);
    if (unlinkat(s->roots_fd, name, AT_REMOVEDIR) < 0)
        log_debug("inplace: some files of the container stay in %s: a mount is in their place",
                  name);
    return 0;
}

/* An image's root directory, before the image says otherwise. */
static int reset_slash(Inplace *s, Err *err)
{
    if (fchown(s->slash, 0, 0) < 0 || fchmod(s->slash, 0755) < 0)
        return err_sys(err, "set the owner and mode of /");
    return 0;
}

static int rename_host(Inplace *s, const char *from, const char *to, Err *err)
{
    if (renameat(s->roots_fd, from, s->roots_fd, to) < 0)
        return err_sys(err, "rename %s to %s", from, to);
    return 0;
}

static int host_out(Inplace *s, Err *err)
{
    TRY(put_aside(s, HOST_MOVING, err));
    return rename_host(s, HOST_MOVING, HOST, err);
}

static int host_in(Inplace *s, Err *err)
{
    TRY(clear_contents(s->slash, &s->foreign.paths, err));
    TRY(rename_host(s, HOST, HOST_MOVING, err));
    return bring_back(s, HOST_MOVING, false, err);
}

static bool in_roots(const Inplace *s, const char *name)
{
    struct stat st;

    return fstatat(s->roots_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int remove_old_roots(Inplace *s, Err *err)
{
    cleanup_dir_list DirList list = {0};

    TRY(dir_list(s->roots_fd, &list, err));
    for (size_t i = 0; i < list.n; i++)
        if (list.v[i].name[0] >= '0' && list.v[i].name[0] <= '9')
            TRY(dir_remove_all(s->roots_fd, list.v[i].name, err));
    return 0;
}

/* After a supervisor that could not do it, the builder puts back what stood for mounts. */
static int unswap(const Inplace *s, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;

    TRY(swap_recover(str_fmt_in(&a, STR_FMT "/" SWAP, STR_ARG(s->roots_path)).p, err));
    return dir_remove_all(s->roots_fd, SWAP, err);
}

/* What a kiln left that was killed, or that was asked to leave its last root. */
static int recover(Inplace *s, Err *err)
{
    TRY(unswap(s, err));
    if (in_roots(s, HOST_MOVING))
        TRY(bring_back(s, HOST_MOVING, false, err));
    else if (in_roots(s, HOST))
        TRY(host_in(s, err));
    return remove_old_roots(s, err);
}

/* ---- roots ---- */

static int foreign_refresh(Inplace *s, Err *err)
{
    return foreign_collect(&s->keep, &s->foreign, err);
}

static int deactivate(Inplace *s, Err *err)
{
    InRoot *r = s->active;

    TRY(foreign_refresh(s, err)); /* a mount may have come or gone */
    if (!r)
        return 0;
    TRY(put_aside(s, r->name, err));
    close_at(&r->r.fd);
    s->active = NULL;
    return 0;
}

static int make_active(Inplace *s, InRoot *r, Err *err)
{
    r->r.fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->r.fd < 0)
        return err_sys(err, "open /");
    s->active = r;
    return 0;
}

static int in_root_new(Sandbox *sandbox, Root **ret, Err *err)
{
    Inplace *s = (Inplace *)sandbox;
    InRoot *r;

    TRY(deactivate(s, err));
    TRY(reset_slash(s, err));
    r = NEW(InRoot);
    r->r = (Root){.fd = -1, .may_chown = userns_maps_all(), .foreign = &s->foreign.paths};
    (void)snprintf(r->name, sizeof(r->name), "%u", s->next++);
    vec_push(&s->roots, r); /* NOLINT(bugprone-sizeof-expression): a list of pointers */
    TRY(make_active(s, r, err));
    *ret = &r->r;
    return 0;
}

static int in_root_activate(Sandbox *sandbox, Root *root, Err *err)
{
    Inplace *s = (Inplace *)sandbox;
    InRoot *r = (InRoot *)root;

    if (s->active == r)
        return 0;
    TRY(deactivate(s, err));
    TRY(bring_back(s, r->name, true, err));
    return make_active(s, r, err);
}

static int in_root_open_readonly(Sandbox *sandbox, Root *root, Err *err)
{
    Inplace *s = (Inplace *)sandbox;
    InRoot *r = (InRoot *)root;
    int fd;

    if (s->active != r)
        return open_in_roots(s, r->name, err);
    fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_sys(err, "open /") : fd;
}

static void in_root_free(Sandbox *sandbox, Root *root)
{
    Inplace *s = (Inplace *)sandbox;
    InRoot *r = (InRoot *)root;
    int failed;
    Err err;

    if (s->active == r)
        failed = clear_contents(s->slash, &s->foreign.paths, &err);
    else
        failed = dir_remove_all(s->roots_fd, r->name, &err);
    if (failed < 0)
        log_debug("inplace: remove root %s: %s", r->name, err.msg);
    if (s->active == r)
        s->active = NULL;
    for (size_t i = 0; i < s->roots.n; i++)
        if (s->roots.v[i] == r)
            s->roots.v[i--] = s->roots.v[--s->roots.n];
    close_at(&r->r.fd);
    free(r);
}

/* The builder's roots as directories; they are not active, so that is where they are. */
static void resolve_mounts(const Inplace *s, RunSpec *spec, Arena *a)
{
    SandboxMount *v = arena_new_n(a, SandboxMount, spec->n_mounts);

    for (size_t i = 0; i < spec->n_mounts; i++) {
        v[i] = spec->mounts[i];
        if (v[i].from)
            v[i].dir =
                str_fmt_in(a, STR_FMT "/%s", STR_ARG(s->roots_path), ((InRoot *)v[i].from)->name).p;
    }
    spec->mounts = v;
}

static int run_with_mounts(Inplace *s, int clone_flags, RunRequest *req, int out_fd, int err_fd,
                           RunResult *ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Err other;
    int rc;

    if (mkdirat(s->roots_fd, SWAP, 0700) < 0)
        return err_sys(err, "make a directory for what is swapped");
    resolve_mounts(s, &req->spec, &a);
    req->scratch = str_fmt_in(&a, STR_FMT "/" SWAP, STR_ARG(s->roots_path)).p;
    rc = launcher_run(s->base.launcher, clone_flags, req, out_fd, err_fd, ret, err);
    return unswap(s, rc < 0 ? &other : err) < 0 ? -1 : rc;
}

static int in_run(Sandbox *sandbox, Root *root, const RunSpec *spec, int out_fd, int err_fd,
                  RunResult *ret, Err *err)
{
    Inplace *s = (Inplace *)sandbox;
    RunRequest req = {.spec = *spec};
    bool offline = spec->network == RUN_NETWORK_NONE;
    int flags = offline ? CLONE_NEWNET : 0, rc;

    if (&s->active->r != root)
        return err_set(err, ERR_USAGE, "this root is not active");
    if (spec->n_mounts > 0)
        rc = run_with_mounts(s, flags, &req, out_fd, err_fd, ret, err);
    else
        rc = launcher_run(s->base.launcher, flags, &req, out_fd, err_fd, ret, err);
    if (rc < 0 && offline && err->kind == ERR_SYS && err->os_errno == EPERM)
        return err_set(
            err, ERR_UNSUPPORTED,
            "--network=none is not possible in place: this container may not make a network "
            "namespace");
    return rc;
}

static int in_new_dir(Sandbox *sandbox, char **ret, Err *err)
{
    Inplace *s = (Inplace *)sandbox;
    cleanup_free char *path = NULL;

    if (asprintf(&path, "%s/%u.dir", s->roots_path.p, s->next++) < 0)
        return err_sys(err, "asprintf");
    if (mkdir(path, 0700) < 0)
        return err_sys(err, "make the directory %s", path);
    *ret = steal_ptr(&path);
    return 0;
}

/* ---- opening ---- */

/* A path and, where it leads through links, its destination: neither may be moved away. */
static void keep_path(Inplace *s, Str path)
{
    cleanup_free char *z = str_dup(path);
    cleanup_free char *real = realpath(z, NULL);

    vec_push(&s->keep, str_dup_in(&s->arena, path));
    if (real && !str_eq(path, str_from(real)))
        vec_push(&s->keep, str_dup_in(&s->arena, str_from(real)));
}

/* By trying: st_dev does not tell file systems apart that are mounted twice, or quota projects. */
static int rename_works(int roots_fd, bool *ret, Err *err)
{
    char probe[] = "/.kiln-probe.XXXXXX";

    if (!mkdtemp(probe))
        return err_sys(err, "make a directory in /");
    *ret = renameat(AT_FDCWD, probe, roots_fd, "probe") == 0;
    if (*ret ? unlinkat(roots_fd, "probe", AT_REMOVEDIR) < 0 : rmdir(probe) < 0)
        return err_sys(err, "remove a directory");
    return 0;
}

static int open_roots(const char *path, int *ret, Err *err)
{
    TRY(dir_make_all(AT_FDCWD, path, 0700, err));
    close_at(ret);
    *ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret < 0 ? err_sys(err, "open %s", path) : 0;
}

/* Whatever kiln makes in "/" for itself is not to be seen by its mtime. */
static void set_slash_mtime(Inplace *s, struct timespec mtime)
{
    const struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, mtime};

    (void)futimens(s->slash, t);
}

static int choose_roots(Inplace *s, const char *kiln_dir, Err *err)
{
    Str in_kiln = str_fmt_in(&s->arena, "%s/roots", kiln_dir);
    bool works = false;

    s->roots_path = in_kiln;
    TRY(open_roots(in_kiln.p, &s->roots_fd, err));
    TRY(rename_works(s->roots_fd, &works, err));
    if (works)
        return 0;
    s->own_roots = true;
    s->roots_path = S(ROOTS_IN_SLASH);
    keep_path(s, S(ROOTS_IN_SLASH));
    return open_roots(ROOTS_IN_SLASH, &s->roots_fd, err);
}

/*
 * What the runtime has put into etc for the network. Most runtimes mount these; where they are ordinary files they are as much
 * the container's, and a RUN without them would find no host.
 */
static void keep_network_files(Inplace *s)
{
    static const char *const names[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/hostname"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (access(names[i], F_OK) == 0)
            keep_path(s, str_from(names[i]));
}

/* A directory with mounts in it would be split in two. */
static int keep_context(Inplace *s, const char *context, Err *err)
{
    TRY(foreign_refresh(s, err));
    if (!context || !foreign_is_above(&s->foreign.paths, path_rooted(&s->arena, str_from(context))))
        return 0;
    keep_path(s, str_from(context));
    return foreign_refresh(s, err);
}

static int lock(Inplace *s, const char *kiln_dir, Err *err)
{
    Str path = str_fmt_in(&s->arena, "%s/inplace.lock", kiln_dir);
    int got;

    TRY(dir_make_all(AT_FDCWD, kiln_dir, 0755, err));
    got = lock_file_try(path.p, LOCK_EXCLUSIVE, &s->lock_fd, err);
    if (got == 0)
        return err_set(err, ERR_USAGE, "another kiln is building in place in this container");
    return got < 0 ? -1 : 0;
}

static int check_allowed(const SandboxOpts *opts, Err *err)
{
    const char *sign = container_sign();

    if (geteuid() != 0 || userns_entered())
        return err_set(err, ERR_UNSUPPORTED, "needs the root user of a container");
    log_debug("inplace: sign of a container: %s", sign ? sign : "none");
    if (!opts->force && !sign)
        return err_set(
            err, ERR_UNSUPPORTED,
            "replaces / and found no sign that this is a container (--force if it is one)");
    return 0;
}

static int prepare(Inplace *s, const SandboxOpts *opts, Err *err)
{
    struct stat st;

    s->slash = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->slash < 0)
        return err_sys(err, "open /");
    if (fstat(s->slash, &st) < 0)
        return err_sys(err, "stat /");
    TRY(lock(s, opts->kiln_dir, err));
    keep_path(s, str_from(opts->kiln_dir));
    for (size_t i = 0; opts->keep && i < opts->keep->n; i++)
        keep_path(s, opts->keep->v[i]);
    keep_network_files(s);
    TRY(choose_roots(s, opts->kiln_dir, err));
    set_slash_mtime(s, st.st_mtim);
    TRY(keep_context(s, opts->context, err));
    TRY(recover(s, err));
    s->cwd = getcwd(NULL, 0);
    TRY(host_out(s, err));
    return chdir("/") < 0 ? err_sys(err, "enter /") : 0;
}

static int in_open_outside(Sandbox *sandbox, const char *path, Err *err)
{
    const Inplace *s = (const Inplace *)sandbox;
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_close int host = -1;
    int fd;

    if (!foreign_covers(&s->foreign.paths, path_rooted(&a, str_from(path)))) {
        host = open_in_roots(s, HOST, err);
        return host < 0 ? -1 : chase_open(host, path, O_RDONLY | O_DIRECTORY, 0, err);
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_sys(err, "open %s", path) : fd;
}

/* The last root stays, the host's files with it in ROOTS: the next kiln here puts them back. */
static void leave_final(Inplace *s)
{
    for (size_t i = s->roots.n; i-- > 0;)
        if (s->roots.v[i] != s->active)
            in_root_free(&s->base, &s->roots.v[i]->r);
    close_at(&s->active->r.fd);
    free(s->active);
}

static void leave_host(Inplace *s)
{
    struct stat st;
    Err err;

    while (s->roots.n > 0)
        in_root_free(&s->base, &s->roots.v[s->roots.n - 1]->r);
    /* after a failed start, too: what had been moved out until then. Never without knowing what is foreign. */
    if (s->foreign.paths.n > 0 && recover(s, &err) < 0)
        log_debug("inplace: put the container's files back: %s", err.msg);
    if (s->own_roots && fstat(s->slash, &st) == 0 && rmdir(ROOTS_IN_SLASH) == 0)
        set_slash_mtime(s, st.st_mtim);
    if (s->cwd && chdir(s->cwd) < 0)
        log_debug("inplace: return to %s: %s", s->cwd, strerrordesc_np(errno));
}

static void in_free(Sandbox *sandbox)
{
    Inplace *s = (Inplace *)sandbox;

    if (s->keep_final && s->active)
        leave_final(s);
    else
        leave_host(s);
    vec_done(&s->roots);
    vec_done(&s->keep);
    foreign_done(&s->foreign);
    arena_done(&s->arena);
    close_at(&s->slash);
    close_at(&s->roots_fd);
    close_at(&s->lock_fd);
    free(s->cwd);
    free(s);
}

static int in_open(const SandboxOpts *opts, Launcher *l, Sandbox **ret, Err *err)
{
    Inplace *s;

    TRY(check_allowed(opts, err));
    s = NEW(Inplace);
    *s = (Inplace){.base = {.launcher = l},
                   .slash = -1,
                   .roots_fd = -1,
                   .lock_fd = -1,
                   .arena = ARENA_INIT,
                   .keep_final = opts->keep_final_root};
    if (prepare(s, opts, err) < 0) {
        in_free(&s->base);
        return -1;
    }
    *ret = &s->base;
    return 0;
}

const SandboxKind sandbox_inplace = {
    .name = "inplace",
    .parallel = false,
    .open_outside = in_open_outside,
    .open = in_open,
    .free = in_free,
    .root_new = in_root_new,
    .root_activate = in_root_activate,
    .root_open_readonly = in_root_open_readonly,
    .root_free = in_root_free,
    .new_dir = in_new_dir,
    .run = in_run,
};
