/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mount is one entry, and an entry is undone by looking at what is where: the home of a bind is missing while it is in its
 * place, and what waits aside exists only while something else is in its place. So undoing works from any point at which swapping was
 * interrupted, twice as well as once.
 *
 * The order is what mount(2) would give: in the order of the list, and back in reverse, so a place in another mount is emptied first.
 */
#include "sandbox/swap.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/limits.h"
#include "os/chase.h"
#include "os/file.h"
#include "os/mountinfo.h"
#include "os/walk.h"
#include "sandbox/mount_at.h"
#include "sandbox/swap_file.h"

#define RUN_DIR      "/run"
#define SECRETS_NAME "secrets"

/* What comes and goes in a directory is not to be seen by its time. */
static void set_mtime(int dir, const struct stat *st)
{
    (void)futimens(dir, (struct timespec[2]){{.tv_nsec = UTIME_OMIT}, st->st_mtim});
}

/* ---- entries ---- */

static void entry_done(SwapEntry *e)
{
    close_at(&e->parent_fd);
    free(e->place);
    free(e->home);
    free(e->aside);
}

static const char *base_name(const SwapEntry *e)
{
    return strrchr(e->place, '/') + 1;
}

/* The directory of the place, without links on the way: the command may have put some there. */
static int open_parent(const char *place, Err *err)
{
    cleanup_close int slash = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_free char *dir = str_dup(path_dir(str_from(place)));

    if (slash < 0)
        return err_sys(err, "open /");
    return chase_beneath(slash, dir, O_RDONLY | O_DIRECTORY, 0, err);
}

static bool exists(int dir, const char *name)
{
    struct stat st;

    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void put_field(Buf *to, const char *z)
{
    buf_append(to, z, strlen(z) + 1);
}

/* NUL-terminated fields: kind, place, home, aside, had. */
static int write_entry(int dir, const SwapEntry *e, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    char name[32];

    (void)snprintf(name, sizeof(name), "%u.entry", e->n);
    buf_add_char(&text, (char)('0' + e->kind));
    buf_add_char(&text, '\0');
    put_field(&text, e->place);
    put_field(&text, e->home);
    put_field(&text, e->aside);
    put_field(&text, e->had ? "1" : "0");
    TRY(buf_check(&text, "paths of a mount", err));
    return file_write_atomic(dir, name, 0600, buf_str(&text), err);
}

static bool take_field(Str *rest, char **ret)
{
    Str field;

    if (!str_next(rest, '\0', &field))
        return false;
    *ret = str_dup(field);
    return true;
}

/* False for what nobody has written whole: then nothing was moved yet. */
static bool parse_entry(Str text, SwapEntry *ret)
{
    cleanup_free char *kind = NULL, *had = NULL;
    SwapEntry e = {.parent_fd = -1};

    if (!take_field(&text, &kind) || !take_field(&text, &e.place) || !take_field(&text, &e.home) ||
        !take_field(&text, &e.aside) || !take_field(&text, &had) || e.place[0] != '/' ||
        kind[0] < '0' || kind[0] > '0' + SANDBOX_FILE) {
        entry_done(&e);
        return false;
    }
    e.kind = (SandboxMountKind)(kind[0] - '0');
    e.had = had[0] == '1';
    *ret = e;
    return true;
}

/* ---- undoing ---- */

/*
 * A bind goes home, if it has left. A link in its place leads to it, or is the command's, and goes.
 */
static int send_home(const SwapEntry *e, int parent, Err *err)
{
    struct stat st;

    if (fstatat(parent, base_name(e), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (S_ISLNK(st.st_mode))
        return dir_remove_all(parent, base_name(e), err);
    if (!exists(AT_FDCWD, e->home) && renameat(parent, base_name(e), AT_FDCWD, e->home) < 0)
        return err_sys(err, "rename it to %s", e->home);
    return 0;
}

static int undo_with(const SwapEntry *e, int parent, Err *err)
{
    bool waits = e->had && exists(AT_FDCWD, e->aside);

    if (e->kind == SANDBOX_BIND)
        TRY(send_home(e, parent, err));
    if (waits || (!e->had && e->kind != SANDBOX_BIND))
        TRY(dir_remove_all(parent, base_name(e), err));
    if (waits && renameat(AT_FDCWD, e->aside, parent, base_name(e)) < 0)
        return err_sys(err, "put back what was there");
    return 0;
}

static int undo(const SwapEntry *e, Err *err)
{
    cleanup_close int opened = e->parent_fd < 0 ? open_parent(e->place, err) : -1;
    int parent = e->parent_fd < 0 ? opened : e->parent_fd, rc = -1;
    struct stat st = {0};

    if (e->kind == SANDBOX_FILE && e->home[0]) { /* whatever happens to the rest */
        Err ignored;

        (void)!dir_remove_all(AT_FDCWD, e->home, &ignored);
    }
    if (parent >= 0 && fstat(parent, &st) == 0)
        rc = undo_with(e, parent, err);
    if (parent >= 0)
        set_mtime(parent, &st);
    return rc < 0 ? err_wrap(err, "remove the mount on %s", e->place) : 0;
}

/* ---- what must not change ---- */

typedef struct Watch {
    int64_t since_ns;
    bool changed;
} Watch;

static void watch_below(Watch *w, int dir)
{
    cleanup_dir_list DirList list = {0};
    struct statx st;
    Err ignored;

    if (stat_fd(dir, &st, &ignored) < 0 || statx_ns(st.stx_ctime) >= w->since_ns ||
        dir_list(dir, &list, &ignored) < 0) {
        w->changed = true;
        return;
    }
    for (size_t i = 0; i < list.n && !w->changed; i++) {
        cleanup_close int fd = -1;

        if (stat_at(dir, list.v[i].name, &st, &ignored) < 0 ||
            statx_ns(st.stx_ctime) >= w->since_ns) {
            w->changed = true;
        } else if (S_ISDIR(st.stx_mode)) {
            fd = dir_open_at(dir, list.v[i].name, &ignored);
            if (fd < 0)
                w->changed = true; /* too deep for our descriptors, too */
            else
                watch_below(w, fd);
        }
    }
}

/* Has the command touched it? ctime cannot be set back. */
static bool was_changed(const Swap *s, const SwapEntry *e)
{
    Watch w = {.since_ns = s->since_ns};
    cleanup_close int fd = -1;
    struct statx st;
    Err ignored;

    if (stat_at(e->parent_fd, base_name(e), &st, &ignored) < 0 || S_ISLNK(st.stx_mode) ||
        statx_ns(st.stx_ctime) >= s->since_ns) /* behind a link it is not looked at */
        return true;
    if (!S_ISDIR(st.stx_mode))
        return false;
    fd = dir_open_at(e->parent_fd, base_name(e), &ignored);
    if (fd < 0)
        return true;
    watch_below(&w, fd);
    return w.changed;
}

static int marker_time(int fd, int64_t *ret, Err *err)
{
    struct statx st;

    if (futimens(fd, NULL) < 0)
        return err_sys(err, "touch a file");
    TRY(stat_fd(fd, &st, err));
    *ret = statx_ns(st.stx_ctime);
    return 0;
}

/* The clock of the file system has moved on when this returns. */
static int note_time(Swap *s, Err *err)
{
    cleanup_free char *path = NULL;
    cleanup_close int fd = -1;
    int64_t begin;

    if (asprintf(&path, "%s/clock", s->dir) < 0)
        return err_sys(err, "asprintf");
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, "make %s", path);
    TRY(marker_time(fd, &begin, err));
    do {
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        TRY(marker_time(fd, &s->since_ns, err));
    } while (s->since_ns <= begin);
    return 0;
}

/* ---- the place ---- */

/* What is mounted there, or in it, would have to go along. */
static int check_place(const Swap *s, const char *place, Err *err)
{
    cleanup_mount_table MountTable table = {0};
    Str path = str_skip(str_from(place), 1);

    if (path_within(str_skip(str_from(s->dir), 1), path))
        return err_set(err, ERR_UNSUPPORTED, "kiln's own directory is there");
    TRY(mountinfo_read(&table, err));
    vec_foreach(m, &table.mounts) {
        Str point = str_starts(m->point, S("/")) ? str_skip(m->point, 1) : m->point;

        if (point.n > 0 && path_within(point, path))
            return err_set(err, ERR_UNSUPPORTED,
                           "this container has a mount on /" STR_FMT
                           ", which cannot be moved out of the way (--isolation namespaces could)",
                           STR_ARG(point));
    }
    return 0;
}

/* The path without links of what a descriptor stands for; owned by the caller. */
static char *path_of(int fd)
{
    char path[LIMIT_PATH + 1];
    ssize_t n = readlink(fd_path(fd).z, path, sizeof(path));

    return n > 0 && (size_t)n <= LIMIT_PATH && path[0] == '/' ? str_dup((Str){path, (size_t)n})
                                                              : NULL;
}

static bool is_dir(const SandboxMount *m)
{
    return m->kind == SANDBOX_TMPFS || (m->kind == SANDBOX_BIND && m->is_dir);
}

/* The target exists when this returns; e->had: it did before. */
static int find_place(Swap *s, int slash, const SandboxMount *m, SwapEntry *e, Err *err)
{
    cleanup_close int before = chase_open(slash, m->target, O_PATH, 0, err), fd = -1;
    struct stat st;

    e->had = before >= 0;
    if (!e->had && err->os_errno != ENOENT)
        return -1;
    if (!e->had)
        TRY(mount_point_make(slash, m->target, is_dir(m), &s->made, err));
    fd = chase_open(slash, m->target, O_PATH, 0, err);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode) != is_dir(m))
        return err_set(err, ERR_USAGE, "a %s cannot be mounted there: the image has a %s",
                       is_dir(m) ? "directory" : "file", is_dir(m) ? "file" : "directory");
    e->place = path_of(fd);
    return e->place ? 0 : err_set(err, ERR_SYS, "its path cannot be told");
}

static int move_aside(SwapEntry *e, Err *err)
{
    if (!e->had) /* our own mount point: empty */
        return unlinkat(e->parent_fd, base_name(e), 0) == 0 ||
                       unlinkat(e->parent_fd, base_name(e), AT_REMOVEDIR) == 0
                   ? 0
                   : err_sys(err, "remove the mount point");
    if (renameat(e->parent_fd, base_name(e), AT_FDCWD, e->aside) < 0)
        return err_sys(err, "move what is there out of the way");
    return 0;
}

/* Another mount of this run has it already. */
static const char *other_place(const Swap *s, const SwapEntry *e)
{
    vec_foreach(other, &s->entries)
        if (other != e && other->kind == SANDBOX_BIND && strcmp(other->home, e->home) == 0)
            return other->place;
    return NULL;
}

static int put_bind(const Swap *s, const SwapEntry *e, Err *err)
{
    const char *there = other_place(s, e);

    if (!there && renameat(AT_FDCWD, e->home, e->parent_fd, base_name(e)) == 0)
        return 0;
    if (!there && errno != EXDEV)
        return err_sys(err, "rename %s", e->home);
    return symlinkat(there ? there : e->home, e->parent_fd, base_name(e)) < 0
               ? err_sys(err, "make a link")
               : 0;
}

static int put_tmpfs(const SwapEntry *e, Err *err)
{
    if (mkdirat(e->parent_fd, base_name(e), 0700) < 0 ||
        fchmodat(e->parent_fd, base_name(e), 01777, 0) < 0)
        return err_sys(err, "make the directory");
    return 0;
}

/* In memory, with a link to it; 'inside': the link is to the directory that it is in by that name. */
static int put_file(const SwapEntry *e, const SandboxMount *m, Str inside, Err *err)
{
    cleanup_close int dir = -1;
    cleanup_free char *target = NULL, *name = inside.n ? str_dup(inside) : xstrdup("file");

    if (!e->home[0])
        return swap_file_write(e->parent_fd, base_name(e), m, err);
    dir = open(e->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_sys(err, "open %s", e->home);
    TRY(swap_file_write(dir, name, m, err));
    if (asprintf(&target, inside.n ? "%s" : "%s/file", e->home) < 0)
        return err_sys(err, "asprintf");
    return symlinkat(target, e->parent_fd, base_name(e)) < 0 ? err_sys(err, "make a link") : 0;
}

/* ---- one mount ---- */

static int set_aside_path(const Swap *s, SwapEntry *e, Err *err)
{
    return asprintf(&e->aside, "%s/%u.old", s->dir, e->n) < 0 ? err_sys(err, "asprintf") : 0;
}

static int put(Swap *s, SwapEntry *e, const SandboxMount *m, Str inside, Err *err)
{
    cleanup_close int dir = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return err_sys(err, "open %s", s->dir);
    TRY(write_entry(dir, e, err));
    if (inside.n == 0)
        TRY(move_aside(e, err));
    switch (m->kind) {
    case SANDBOX_BIND: return put_bind(s, e, err);
    case SANDBOX_TMPFS: return put_tmpfs(e, err);
    case SANDBOX_FILE: break;
    }
    return put_file(e, m, inside, err);
}

/* Put it, and let its directory not show by its time that something was put there. */
static int put_unseen(Swap *s, SwapEntry *e, const SandboxMount *m, Str inside, Err *err)
{
    struct stat st;
    int rc;

    TRY(set_aside_path(s, e, err));
    if (fstat(e->parent_fd, &st) < 0)
        return err_sys(err, "stat the directory of %s", e->place);
    vec_push(&s->entries, *e);
    rc = put(s, &s->entries.v[s->entries.n - 1], m, inside, err);
    set_mtime(e->parent_fd, &st);
    return rc;
}

static int open_place_dir(SwapEntry *e, Err *err)
{
    e->parent_fd = open_parent(e->place, err);
    return e->parent_fd < 0 ? -1 : 0;
}

static int swap_dir_or_bind(Swap *s, int slash, const SandboxMount *m, SwapEntry *e, Err *err)
{
    TRY(find_place(s, slash, m, e, err));
    TRY(check_place(s, e->place, err));
    TRY(open_place_dir(e, err));
    e->watched = m->kind == SANDBOX_BIND && (m->read_only || m->discard);
    if (m->kind != SANDBOX_BIND)
        e->home = xstrdup("");
    else if (asprintf(&e->home, m->source[0] ? "%s/%s" : "%s%s", m->dir, m->source) < 0)
        return err_sys(err, "asprintf");
    return put_unseen(s, e, m, (Str){NULL, 0}, err);
}

static bool is_missing(int slash, const char *path)
{
    Err ignored;
    cleanup_close int fd = chase_open(slash, path, O_PATH, 0, &ignored);

    return fd < 0;
}

/* The whole directory is a link into memory, if there is a place in memory; 0 when not. */
static int swap_secrets_dir(Swap *s, int slash, const SandboxMount *m, SwapEntry *e, Err *err)
{
    cleanup_close int run = -1;
    cleanup_free char *parent = NULL;

    swap_file_dir(&e->home);
    if (!e->home)
        return 0;
    TRY(mount_point_make(slash, RUN_DIR, true, &s->made, err));
    run = chase_open(slash, RUN_DIR, O_PATH | O_DIRECTORY, 0, err);
    if (run < 0)
        return -1;
    parent = path_of(run);
    if (!parent || asprintf(&e->place, "%s/" SECRETS_NAME, parent) < 0)
        return err_set(err, ERR_SYS, "its path cannot be told");
    TRY(open_place_dir(e, err));
    TRY(put_unseen(s, e, m, path_base(str_from(m->target)), err));
    return 1;
}

static int swap_file(Swap *s, int slash, const SandboxMount *m, SwapEntry *e, Err *err)
{
    bool secret = !(m->mode & 0111);

    if (secret && str_eq(path_dir(str_from(m->target)), S(RUN_DIR "/" SECRETS_NAME)) &&
        is_missing(slash, RUN_DIR "/" SECRETS_NAME)) {
        int done = swap_secrets_dir(s, slash, m, e, err);

        if (done != 0)
            return done < 0 ? -1 : 0;
    }
    TRY(find_place(s, slash, m, e, err));
    TRY(check_place(s, e->place, err));
    TRY(open_place_dir(e, err));
    if (secret && !in_memory(e->parent_fd))
        swap_file_dir(&e->home);
    else if (!secret && in_memory(e->parent_fd))
        swap_program_dir(&e->home);
    if (!e->home)
        e->home = xstrdup("");
    return put_unseen(s, e, m, (Str){NULL, 0}, err);
}

int swap_in(Swap *s, const RunRequest *req, Err *err)
{
    cleanup_close int slash = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    uint64_t ignored;
    int rc = 0;
    Err first;

    if (slash < 0 || fstat(slash, &st) < 0)
        return err_sys(err, "open /");
    s->dir = xstrdup(req->scratch);
    for (unsigned i = 0; rc == 0 && i < req->spec.n_mounts; i++) {
        const SandboxMount *m = &req->spec.mounts[i];
        SwapEntry e = {.n = i, .kind = m->kind, .parent_fd = -1};
        size_t was = s->entries.n;

        rc = (m->kind == SANDBOX_FILE ? swap_file : swap_dir_or_bind)(s, slash, m, &e, err);
        if (s->entries.n == was)
            entry_done(&e);
        if (rc == 0)
            s->entries.v[was].watched = e.watched;
        else
            err_wrap_(err, "mount on %s", m->target);
    }
    set_mtime(slash, &st);
    if (rc == 0)
        rc = note_time(s, err);
    if (rc < 0) {
        first = *err;
        (void)!swap_out(s, &ignored, err);
        *err = first;
    }
    return rc;
}

/* ---- the end ---- */

static void forget_entry(const char *dir, unsigned n)
{
    cleanup_free char *path = NULL;

    if (asprintf(&path, "%s/%u.entry", dir, n) > 0)
        (void)unlink(path);
}

int swap_out(Swap *s, uint64_t *ret_spoiled, Err *err)
{
    cleanup_close int slash = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    bool known = slash >= 0 && fstat(slash, &st) == 0;
    int failed = 0;
    Err other;

    *ret_spoiled = 0;
    while (s->entries.n > 0) {
        SwapEntry *e = &s->entries.v[--s->entries.n];

        if (e->watched && was_changed(s, e))
            *ret_spoiled |= (uint64_t)1 << e->n;
        if (undo(e, failed ? &other : err) < 0)
            failed = -1; /* its entry stays, for the builder */
        else
            forget_entry(s->dir, e->n);
        entry_done(e);
    }
    vec_done(&s->entries);
    mount_points_remove(&s->made);
    if (known)
        set_mtime(slash, &st);
    free_at(&s->dir);
    return failed;
}

static int recover_entry(int dir, const char *name, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    SwapEntry e;
    int rc;

    TRY(file_read(dir, name, &text, err));
    if (!parse_entry(buf_str(&text), &e))
        return 0;
    rc = undo(&e, err);
    entry_done(&e);
    return rc;
}

int swap_recover(const char *dir, Err *err)
{
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int rc = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(err, "open %s", dir);
    for (unsigned n = LIMIT_RUN_MOUNTS; rc == 0 && n-- > 0;) {
        char name[32];

        (void)snprintf(name, sizeof(name), "%u.entry", n);
        if (exists(fd, name))
            rc = recover_entry(fd, name, err);
    }
    return rc;
}
