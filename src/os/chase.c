/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With openat2 the kernel does it all. The walk below does the same by hand and is meant to agree
 * with it in result and errno. It holds one O_PATH descriptor, the directory it stands in; every
 * step is an openat() of a single name with O_NOFOLLOW, so that no step can be diverted. A
 * symlink's target is put in front of what is left to walk.
 *
 * ".." is the dangerous step: whoever renames the directory we stand in can make its parent one
 * outside the root. So the walk remembers the identity (device, inode) of every directory it came
 * through, and takes the parent only when it is the one that it came from.
 *
 *     root_fd ── usr ── lib ── x86_64     trail: { usr, lib, x86_64 }, cur = descriptor of x86_64
 */
#include "os/chase.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/limits.h"
#include "base/vec.h"

enum {
    RACE_RETRIES = 100, /* openat2 says EAGAIN when a rename crossed a ".."; then we walk */
    PATH_STEP = O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC
};

typedef enum Scope {
    IN_ROOT, /* follow symlinks, the root is "/" */
    BENEATH  /* no symlinks, no way above the root */
} Scope;

/* ---- which way ---- */

enum {
    WAY_UNKNOWN,
    WAY_KERNEL,
    WAY_WALK
};
static atomic_int way;

static int call_openat2(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
                           .mode = mode,
                           .resolve = resolve};

    return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

/*
 * ENOSYS is what old kernels and gVisor say, EPERM what old seccomp profiles say of a call that
 * they do not know. So we look once whether a call that cannot fail does.
 */
static bool kernel_can(void)
{
    const char *no = getenv("KILN_NO_OPENAT2");
    cleanup_close int fd = -1;

    if (no && no[0] != '\0' && strcmp(no, "0") != 0)
        return false;
    fd = call_openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT);
    return fd >= 0;
}

void chase_choose(void)
{
    atomic_store(&way, kernel_can() ? WAY_KERNEL : WAY_WALK);
}

bool chase_uses_openat2(void)
{
    if (atomic_load(&way) == WAY_UNKNOWN)
        chase_choose();
    return atomic_load(&way) == WAY_KERNEL;
}

/* ---- by the kernel ---- */

/* openat2 refuses what open ignores: flags beside O_PATH, a mode without a file to make. */
static int strict_flags(int flags)
{
    return flags & O_PATH ? flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : flags;
}

static bool makes_file(int flags)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

/* As openat2; -1 with errno EAGAIN when it met too many renames. */
static int open_by_kernel(int root_fd, const char *path, int flags, mode_t mode, Scope scope)
{
    uint64_t resolve = scope == IN_ROOT ? RESOLVE_IN_ROOT : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    int fd = -1;

    flags = strict_flags(flags);
    mode = makes_file(flags) ? mode & 07777 : 0;
    for (int i = 0; i < RACE_RETRIES; i++) {
        fd = call_openat2(root_fd, path, flags, mode, resolve | RESOLVE_NO_MAGICLINKS);
        if (fd >= 0 || errno != EAGAIN)
            break;
    }
    return fd;
}

/* ---- by hand ---- */

typedef struct Place {
    dev_t dev;
    ino_t ino;
} Place;

typedef struct Walk {
    int root_fd;      /* borrowed */
    int cur;          /* where we stand; -1: in the root */
    VEC(Place) trail; /* from below the root down to cur */
    char *text;       /* owned: what 'rest' points into */
    Str rest;         /* still to walk */
    unsigned hops;    /* symlinks followed */
    Scope scope;
} Walk;

static void walk_done(Walk *w)
{
    int saved = errno;

    close_at(&w->cur);
    vec_done(&w->trail);
    free(w->text);
    errno = saved;
}

/* -1 with errno: all of the walk speaks errno, the text comes at the very end. */
static int fail(int os_errno)
{
    errno = os_errno;
    return -1;
}

static int place_of(int fd, Place *ret)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -1;
    *ret = (Place){st.st_dev, st.st_ino};
    return 0;
}

static int here(const Walk *w)
{
    return w->cur >= 0 ? w->cur : w->root_fd;
}

static void stand_on(Walk *w, int fd)
{
    close_at(&w->cur);
    w->cur = fd;
}

static void back_to_root(Walk *w)
{
    stand_on(w, -1);
    w->trail.n = 0;
}

static int step_up(Walk *w)
{
    cleanup_close int fd = -1;
    Place want, got;

    if (w->trail.n == 0)
        return w->scope == IN_ROOT ? 0 : fail(EXDEV);
    if (w->trail.n == 1) {
        back_to_root(w);
        return 0;
    }
    want = w->trail.v[w->trail.n - 2];
    fd = openat(w->cur, "..", PATH_STEP);
    if (fd < 0 || place_of(fd, &got) < 0)
        return -1;
    if (got.dev != want.dev || got.ino != want.ino)
        return fail(EAGAIN); /* moved while we stood in it */
    w->trail.n--;
    stand_on(w, steal_fd(&fd));
    return 0;
}

/* Walk 'target' next and then what is left after a link in the current directory. */
static int follow(Walk *w, Str target)
{
    char *text;

    if (w->scope == BENEATH || ++w->hops > LIMIT_SYMLINK_HOPS)
        return fail(ELOOP);
    if (target.n == 0)
        return fail(ENOENT);
    if (target.p[0] == '/')
        back_to_root(w);
    /*
     * 'rest' is empty or starts with the '/' behind the link, which keeps "link/" apart from
     * "link".
     */
    text = NEW_N(char, target.n + w->rest.n + 1);
    memcpy(text, target.p, target.n);
    if (w->rest.n)
        memcpy(text + target.n, w->rest.p, w->rest.n);
    w->rest = (Str){text, target.n + w->rest.n};
    free(w->text);
    w->text = text;
    return 0;
}

/* 1 when 'name' was a symlink and is now in front of the rest; 0 when it is none; -1 with errno. */
static int follow_if_link(Walk *w, const char *name)
{
    char target[LIMIT_SYMLINK + 1];
    ssize_t n = readlinkat(here(w), name, target, sizeof(target));

    if (n < 0)
        return errno == EINVAL ? 0 : -1;
    if ((size_t)n > LIMIT_SYMLINK)
        return fail(ENAMETOOLONG);
    return follow(w, (Str){target, (size_t)n}) < 0 ? -1 : 1;
}

/*
 * Enter a directory. Returns 1 when we stand in it, 0 when it was a symlink, which is followed
 * next; -1 with errno. O_PATH is essential: without it gVisor forgets O_NOFOLLOW when O_DIRECTORY
 * is there.
 */
static int enter(Walk *w, const char *name, bool follow_link)
{
    cleanup_close int fd = openat(here(w), name, PATH_STEP);
    Place place;

    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
        int r = follow_link ? follow_if_link(w, name) : 0;

        return r == 0 ? fail(ENOTDIR) : r < 0 ? -1 : 0;
    }
    if (fd < 0 || place_of(fd, &place) < 0)
        return -1;
    vec_push(&w->trail, place);
    stand_on(w, steal_fd(&fd));
    return 1;
}

static int open_here(const Walk *w, int flags, mode_t mode)
{
    return openat(here(w), ".", flags | O_CLOEXEC, mode);
}

static bool is_symlink(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
}

/* The functions for the last component return its descriptor, -1 with errno, or this. */
enum {
    WALK_ON = -2
};

static int open_last_dir(Walk *w, const char *name, int flags, mode_t mode, bool slash)
{
    int r = enter(w, name, slash || !(flags & O_NOFOLLOW));

    if (r > 0)
        return open_here(w, flags, mode);
    return r < 0 ? -1 : WALK_ON;
}

/*
 * O_NOFOLLOW is always set: a symlink shows by ELOOP, or by being what O_PATH has opened; with
 * O_EXCL it is in the way like anything else, EEXIST.
 */
static int open_last_file(Walk *w, const char *name, int flags, mode_t mode)
{
    cleanup_close int fd = openat(here(w), name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
    int saved = errno, r;

    if (flags & O_NOFOLLOW)
        return steal_fd(&fd);
    if (fd >= 0 ? !((flags & O_PATH) && is_symlink(fd)) : saved != ELOOP)
        return steal_fd(&fd);
    r = follow_if_link(w, name);
    if (r == 0) /* a link when it was opened, none any more: replaced meanwhile */
        return fail(EAGAIN);
    return r < 0 ? -1 : WALK_ON;
}

static int open_last(Walk *w, const char *name, int flags, mode_t mode, bool slash)
{
    if (slash && (flags & O_CREAT))
        return fail(EISDIR);
    if (slash || (flags & O_DIRECTORY))
        return open_last_dir(w, name, flags, mode, slash);
    return open_last_file(w, name, flags, mode);
}

/*
 * Take the first component off the rest. ret_last says that none follows, ret_slash that it is
 * followed by slashes only. False when there is none.
 */
static bool next_component(Walk *w, char name[static LIMIT_NAME + 2], bool *ret_last,
                           bool *ret_slash)
{
    Str c, after, none;

    if (!path_next(&w->rest, &c))
        return false;
    after = w->rest;
    *ret_last = !path_next(&after, &none);
    *ret_slash = w->rest.n > 0;
    /* One byte more than the longest name is enough for the kernel to say ENAMETOOLONG. */
    c.n = c.n > LIMIT_NAME ? LIMIT_NAME + 1 : c.n;
    memcpy(name, c.p, c.n);
    name[c.n] = '\0';
    return true;
}

static int walk_open(Walk *w, int flags, mode_t mode)
{
    char name[LIMIT_NAME + 2];
    bool last, slash;

    while (next_component(w, name, &last, &slash)) {
        bool up = strcmp(name, "..") == 0;

        if (up && step_up(w) < 0)
            return -1;
        if (up || strcmp(name, ".") == 0) {
            if (last)
                break;
            continue;
        }
        if (last) {
            int fd = open_last(w, name, flags, mode, slash);

            if (fd != WALK_ON)
                return fd;
        } else if (enter(w, name, true) < 0) {
            return -1;
        }
    }
    return open_here(w, flags, mode);
}

static int open_by_walk(int root_fd, const char *path, int flags, mode_t mode, Scope scope)
{
    cleanup_with(walk_done)
        Walk w = {.root_fd = root_fd, .cur = -1, .rest = str_from(path), .scope = scope};

    if (w.rest.n > LIMIT_PATH)
        return fail(ENAMETOOLONG);
    return walk_open(&w, flags, mode);
}

/* ---- both ---- */

static int open_scoped(int root_fd, const char *path, int flags, mode_t mode, Scope scope, Err *err)
{
    bool kernel = chase_uses_openat2(); /* the first look leaves an errno behind */
    const char *inside = path;
    int fd = -1;

    while (*inside == '/')
        inside++;
    if (*inside == '\0')
        inside = ".";
    errno = EAGAIN;
    if (kernel)
        fd = open_by_kernel(root_fd, inside, flags, mode, scope);
    if (fd < 0 && errno == EAGAIN)
        fd = open_by_walk(root_fd, inside, flags, mode, scope);
    if (fd < 0)
        return err_sys(err, "open %s", path);
    return fd;
}

int chase_open(int root_fd, const char *path, int flags, mode_t mode, Err *err)
{
    return open_scoped(root_fd, path, flags, mode, IN_ROOT, err);
}

int chase_beneath(int root_fd, const char *path, int flags, mode_t mode, Err *err)
{
    return open_scoped(root_fd, path, flags, mode, BENEATH, err);
}
