/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk down the path, one component at a time. Each directory is opened with chase_open() from the root, so that nothing in
 * the image can lead outside, and the next component is looked at in it without following. A symlink replaces the path by its target and
 * the walk begins again. The root is quiet meanwhile: nothing runs in it.
 */
#include "sandbox/mount_points.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "os/chase.h"

static int open_dir(int root_fd, Str path, Err *err)
{
    cleanup_free char *z = str_dup(path);

    return chase_open(root_fd, z, O_RDONLY | O_DIRECTORY, 0, err);
}

static void keep_mtime(int dir, const struct stat *st)
{
    const struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};

    (void)futimens(dir, t);
}

/* Whatever the umask: the command's user must get through. */
static int make_dir(int parent, const char *name)
{
    return mkdirat(parent, name, 0755) < 0 ? -1 : fchmodat(parent, name, 0755, 0);
}

static int make_file(int parent, const char *name)
{
    cleanup_close int fd = openat(parent, name, O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0644);

    return fd < 0 ? -1 : 0;
}

/* Make one name in 'dir' (taken, also on failure) and put the directory's mtime back before anyone sees another. */
static int make_one(int dir, const char *name, bool is_dir, MountPointVec *made, Err *err)
{
    cleanup_close int parent = dir;
    struct stat st;

    if (fstat(parent, &st) < 0)
        return err_sys(err, "stat the directory of %s", name);
    if ((is_dir ? make_dir(parent, name) : make_file(parent, name)) < 0)
        return err_sys(err, "make the mount point %s", name);
    keep_mtime(parent, &st);
    vec_push(made, ((MountPoint){.parent_fd = steal_fd(&parent),
                                 .name = xstrdup(name),
                                 .is_dir = is_dir}));
    return 0;
}

typedef struct Walk {
    int root_fd;
    bool is_dir; /* what the last component should be */
    Arena *a;
    Str done, name, rest; /* the path: walked already, to be looked at now, behind it */
    MountPointVec *made;
} Walk;

typedef enum Step {
    STEP_ON,      /* the component exists now */
    STEP_LINK,    /* 'rest' is now another path: begin again at the root */
    STEP_BLOCKED, /* something else is in the way */
} Step;

/* The link's target, as seen from its directory, followed by what was to come behind the link. */
static int follow(Walk *w, int dir, const char *name, Err *err)
{
    char *target = arena_new_n(w->a, char, LIMIT_SYMLINK + 1);
    ssize_t n = readlinkat(dir, name, target, LIMIT_SYMLINK + 1);
    Str to;

    if (n < 0 || (size_t)n > LIMIT_SYMLINK)
        return err_sys(err, "read the link %s", name);
    to = path_join(w->a, w->done, (Str){target, (size_t)n});
    w->rest =
        path_rooted(w->a, str_fmt_in(w->a, STR_FMT "/" STR_FMT, STR_ARG(to), STR_ARG(w->rest)));
    w->done = S("");
    return STEP_LINK;
}

static int step(Walk *w, Err *err)
{
    cleanup_close int dir = open_dir(w->root_fd, w->done, err);
    cleanup_free char *name = str_dup(w->name);
    bool want_dir = w->rest.n > 0 || w->is_dir;
    struct stat st;

    if (dir < 0)
        return -1;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return err_sys(err, "stat %s", name);
        TRY(make_one(steal_fd(&dir), name, want_dir, w->made, err));
    } else if (S_ISLNK(st.st_mode)) {
        return follow(w, dir, name, err);
    } else if (S_ISDIR(st.st_mode) != want_dir) {
        return STEP_BLOCKED;
    }
    w->done = w->done.n ? str_fmt_in(w->a, STR_FMT "/%s", STR_ARG(w->done), name) : w->name;
    return STEP_ON;
}

int mount_point_make(int root_fd, const char *path, bool is_dir, MountPointVec *made, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Walk w = {.root_fd = root_fd,
              .is_dir = is_dir,
              .a = &a,
              .done = S(""),
              .rest = path_rooted(&a, str_from(path)),
              .made = made};
    unsigned hops = 0;

    while (path_next(&w.rest, &w.name)) {
        int got = step(&w, err);

        if (got < 0)
            return -1;
        if (got == STEP_BLOCKED || (got == STEP_LINK && ++hops > LIMIT_SYMLINK_HOPS))
            return 0;
    }
    return 0;
}

void mount_points_remove(MountPointVec *made)
{
    while (made->n > 0) {
        MountPoint *m = &made->v[--made->n];
        struct stat dir, st;

        /* a file that is no longer empty, or a directory that is not, has become the command's */
        if (fstat(m->parent_fd, &dir) == 0 &&
            fstatat(m->parent_fd, m->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            (m->is_dir || (S_ISREG(st.st_mode) && st.st_size == 0)) &&
            unlinkat(m->parent_fd, m->name, m->is_dir ? AT_REMOVEDIR : 0) == 0)
            keep_mtime(m->parent_fd, &dir);
        close_at(&m->parent_fd);
        free(m->name);
    }
    vec_done(made);
}
