/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For every name: rename it, and where that fails find out why.
 *
 *      above a foreign path      a rename would take the mount along (or fail with EBUSY): merge
 *      ENOTEMPTY, EEXIST         the directory is there already, as holder of a mount: merge
 *      EXDEV, a directory        overlayfs, whose lower directories cannot be renamed without redirect_dir: merge
 *      EXDEV, something else     another file system after all (or another quota project): copy
 *      EBUSY                     a mount point that the mount table does not show: it stays
 *
 * To merge means: make the directory on the other side, move what is in it one by one, give it the same attributes, remove the
 * old one if it is empty then. Files that overlayfs has in a lower layer do rename, at the price of being copied up.
 */
#include "sandbox/move.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/map.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/walk.h"
#include "os/xattr.h"
#include "sandbox/foreign.h"

typedef struct Move {
    const StrVec *foreign;
    int to;     /* the top directory of the new side */
    Buf path;   /* of the entry at hand, relative to both */
    Map linked; /* "dev:ino" of copied files with several names -> path of the copy */
    Arena arena;
} Move;

static size_t path_push(Move *m, const char *name)
{
    size_t was = m->path.n;

    if (was)
        buf_add_char(&m->path, '/');
    buf_add_z(&m->path, name);
    return was;
}

/* ---- attributes ---- */

static int copy_xattrs(int from, int to, const char *name, Err *err)
{
    cleanup_with(xattrs_free_at) Xattrs *x = NULL;

    TRY(xattrs_read_at(from, name, &x, err));
    return x ? xattrs_write_at(to, name, x, NULL, err) : 0;
}

/* Times last: everything else changes them. 'st' was taken before anything was moved out of the entry. */
static int copy_attributes(int from, int to, const char *name, const struct stat *st, Err *err)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};

    if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(err, "chown");
    if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0)
        return err_sys(err, "chmod");
    TRY(copy_xattrs(from, to, name, err));
    if (utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(err, "set the times");
    return 0;
}

/* ---- copying what cannot be renamed ---- */

static int copy_file(int from, int to, const char *name, Err *err)
{
    cleanup_close int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    cleanup_close int out = -1;

    if (in < 0)
        return err_sys(err, "open");
    out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0)
        return err_sys(err, "create");
    return fd_copy_file(in, out, err);
}

static int copy_link(int from, int to, const char *name, Err *err)
{
    char target[LIMIT_SYMLINK + 1];
    ssize_t n = readlinkat(from, name, target, sizeof(target));

    if (n < 0 || (size_t)n >= sizeof(target))
        return err_sys(err, "read the link");
    target[n] = '\0';
    return symlinkat(target, to, name) < 0 ? err_sys(err, "make the link") : 0;
}

static int copy_node(int from, int to, const char *name, const struct stat *st, Err *err)
{
    if (S_ISREG(st->st_mode))
        TRY(copy_file(from, to, name, err));
    else if (S_ISLNK(st->st_mode))
        TRY(copy_link(from, to, name, err));
    else if (mknodat(to, name, st->st_mode, st->st_rdev) < 0)
        return err_sys(err, "mknod");
    return copy_attributes(from, to, name, st, err);
}

/* The second name of a file that was copied already becomes a name of the copy. */
static int copy_once(Move *m, int from, int to, const char *name, const struct stat *st, Err *err)
{
    Str key = str_fmt_in(&m->arena, "%llx:%llx", (unsigned long long)st->st_dev,
                         (unsigned long long)st->st_ino);
    MapEntry *copied =
        map_find_entry(&m->linked, key); /* its last name has a link count of 1 by now */

    if (copied)
        return linkat(m->to, copied->value, to, name, 0) < 0 ? err_sys(err, "link") : 0;
    TRY(copy_node(from, to, name, st, err));
    if (st->st_nlink > 1) {
        char *path = arena_alloc(&m->arena, m->path.n + 1, 1);

        memcpy(path, buf_z(&m->path), m->path.n);
        (void)map_set(&m->linked, key, path);
    }
    return 0;
}

static int copy_and_unlink(Move *m, int from, int to, const char *name, const struct stat *st,
                           Err *err)
{
    if (unlinkat(to, name, 0) < 0 && errno != ENOENT) /* rename would have replaced it */
        return err_sys(err, "replace");
    TRY(copy_once(m, from, to, name, st, err));
    return unlinkat(from, name, 0) < 0 ? err_sys(err, "remove") : 0;
}

/* ---- moving ---- */

static int move_entries(Move *m, int from, int to, Err *err);

static int open_below(int dir, const char *name)
{
    return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/*
 * A directory that is made gets its attributes at once: when something goes wrong on the way, or kiln is killed, moving back gives
 * them to the one that it stands for. (And in the end: what was moved has changed its time.)
 */
static int make_dir(int from, int to, const char *name, const struct stat *st, Err *err)
{
    if (mkdirat(to, name, st->st_mode & 07777) == 0)
        return copy_attributes(from, to, name, st, err);
    return errno == EEXIST ? 0 : err_sys(err, "make the directory");
}

static int merge(Move *m, int from, int to, const char *name, const struct stat *st, Err *err)
{
    cleanup_close int in = -1, out = -1;

    TRY(make_dir(from, to, name, st, err));
    in = open_below(from, name);
    out = open_below(to, name);
    if (in < 0 || out < 0)
        return err_sys(err, "open the directory");
    TRY(move_entries(m, in, out, err));
    TRY(copy_attributes(from, to, name, st, err));
    if (unlinkat(from, name, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY && errno != EEXIST &&
        errno != EBUSY)
        return err_sys(err, "remove the old directory");
    return 0;
}

static int move_known(Move *m, int from, int to, const char *name, Err *err)
{
    bool stays = foreign_is_above(m->foreign, buf_str(&m->path));
    int error = EXDEV;
    struct stat st;

    if (!stays) {
        if (renameat(from, name, to, name) == 0)
            return 0;
        error = errno;
    }
    if (error == EBUSY)
        return 0;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(err, "stat");
    if (S_ISDIR(st.st_mode) && (error == EXDEV || error == ENOTEMPTY || error == EEXIST))
        return merge(m, from, to, name, &st, err);
    if (stays) /* a link or file where a mount has made a directory: no room for it over there */
        return 0;
    if (error == EXDEV)
        return copy_and_unlink(m, from, to, name, &st, err);
    errno = error;
    return err_sys(err, "rename");
}

/* Say which path, once: the callers on the way up find it empty. */
static int fail_at(Move *m, const char *what, Err *err)
{
    if (m->path.n)
        err_wrap_(err, "%s /%s", what, buf_z(&m->path));
    buf_truncate(&m->path, 0);
    return -1;
}

static int move_entries(Move *m, int from, int to, Err *err)
{
    cleanup_dir_list DirList list = {0};

    TRY(dir_list(from, &list, err));
    for (size_t i = 0; i < list.n; i++) {
        const char *name = list.v[i].name;
        size_t was = path_push(m, name);

        TRY(buf_check(&m->path, "a path to be moved", err));
        if (!foreign_covers(m->foreign, buf_str(&m->path)) &&
            move_known(m, from, to, name, err) < 0)
            return fail_at(m, "move", err);
        buf_truncate(&m->path, was);
    }
    return 0;
}

int move_contents(int from, int to, const StrVec *foreign, Err *err)
{
    Move m = {.foreign = foreign, .to = to, .path = BUF_INIT(BUF_SMALL), .arena = ARENA_INIT};
    struct stat st;
    int failed;

    if (fstat(from, &st) < 0)
        return err_sys(err, "stat the root directory");
    failed = copy_attributes(from, to, ".", &st, err); /* at once: see make_dir() */
    if (failed == 0)
        failed = move_entries(&m, from, to, err);
    if (failed == 0)
        failed = copy_attributes(from, to, ".", &st, err);
    buf_done(&m.path);
    map_done(&m.linked);
    arena_done(&m.arena);
    return failed;
}

/* ---- copying ---- */

static int copy_entries(Move *m, int from, int to, Err *err);

static int copy_dir(Move *m, int from, int to, const char *name, const struct stat *st, Err *err)
{
    cleanup_close int in = -1, out = -1;

    if (mkdirat(to, name, 0700) < 0)
        return err_sys(err, "make the directory");
    in = open_below(from, name);
    out = open_below(to, name);
    if (in < 0 || out < 0)
        return err_sys(err, "open the directory");
    TRY(copy_entries(m, in, out, err));
    return copy_attributes(from, to, name, st, err);
}

static int copy_entries(Move *m, int from, int to, Err *err)
{
    cleanup_dir_list DirList list = {0};

    TRY(dir_list(from, &list, err));
    for (size_t i = 0; i < list.n; i++) {
        const char *name = list.v[i].name;
        size_t was = path_push(m, name);
        struct stat st;
        int rc;

        TRY(buf_check(&m->path, "a path to be copied", err));
        if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            rc = err_sys(err, "stat");
        else if (S_ISDIR(st.st_mode))
            rc = copy_dir(m, from, to, name, &st, err);
        else
            rc = copy_once(m, from, to, name, &st, err);
        if (rc < 0)
            return fail_at(m, "copy", err);
        buf_truncate(&m->path, was);
    }
    return 0;
}

int copy_contents(int from, int to, Err *err)
{
    Move m = {.to = to, .path = BUF_INIT(BUF_SMALL), .arena = ARENA_INIT};
    struct stat st;
    int failed;

    if (fstat(from, &st) < 0)
        return err_sys(err, "stat the directory to be copied");
    failed = copy_entries(&m, from, to, err);
    if (failed == 0)
        failed = copy_attributes(from, to, ".", &st, err);
    buf_done(&m.path);
    map_done(&m.linked);
    arena_done(&m.arena);
    return failed;
}

/* ---- removing ---- */

static int clear_entries(Move *m, int dir, Err *err);

static int clear_entry(Move *m, int dir, const char *name, Err *err)
{
    cleanup_close int fd = -1;
    Str path = buf_str(&m->path);

    if (foreign_covers(m->foreign, path))
        return 0;
    if (!foreign_is_above(m->foreign, path))
        return dir_remove_all(dir, name, err);
    fd = open_below(dir, name);
    if (fd < 0)
        return err_sys(err, "open");
    return clear_entries(m, fd, err);
}

static int clear_entries(Move *m, int dir, Err *err)
{
    cleanup_dir_list DirList list = {0};

    TRY(dir_list(dir, &list, err));
    for (size_t i = 0; i < list.n; i++) {
        size_t was = path_push(m, list.v[i].name);

        TRY(buf_check(&m->path, "a path to be removed", err));
        if (clear_entry(m, dir, list.v[i].name, err) < 0)
            return fail_at(m, "remove", err);
        buf_truncate(&m->path, was);
    }
    return 0;
}

int clear_contents(int dir, const StrVec *foreign, Err *err)
{
    Move m = {.foreign = foreign, .path = BUF_INIT(BUF_SMALL)};
    int failed = clear_entries(&m, dir, err);

    buf_done(&m.path);
    return failed;
}
