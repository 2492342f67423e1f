/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dir_remove_all() and dir_empty() of os/file.h.
 *
 * Depth first with a stack of Frames, one for each directory from the top to where we are. A
 * directory is read and emptied at the same time, a block of names after the other; because file
 * systems may skip entries then, it is read again until it can be removed, or a pass has removed
 * nothing.
 *
 * Only the deepest frames hold descriptors. A frame further up remembers its identity and where
 * it was in its listing, and is opened again as the ".." of its child:
 *
 *     frame   0 ... n-KEEP-1      n-KEEP ... n-1
 *             closed: dev, ino,   open: descriptor, cursor
 *             position
 */
#include <fcntl.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/vec.h"
#include "os/file.h"
#include "os/walk.h"

enum {
    KEEP = 32, /* descriptors, and cursors of 32 KiB each */
    HOLD_DIR = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
    READ_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK /* of "." and ".." only */
};

/* Which directory, and on which mount. */
typedef struct Place {
    uint64_t ino;
    uint32_t dev_major, dev_minor;
    uint64_t mount;
    bool mount_known;
} Place;

typedef struct Frame {
    char *name;   /* owned; in its parent */
    int fd;       /* -1: closed for now */
    DirCursor *c; /* NULL when closed */
    int64_t off;  /* when closed: where to go on */
    Place place;
    bool removed; /* something, in this pass */
    bool kept;    /* a mount point is somewhere in it */
} Frame;

typedef struct Remover {
    VEC(Frame) frames;
} Remover;

static void frame_close(Frame *f)
{
    if (f->c)
        f->off = f->c->off;
    free(f->c);
    f->c = NULL;
    close_at(&f->fd);
}

static void frame_done(Frame *f)
{
    frame_close(f);
    free(f->name);
}

static void remover_done(Remover *r)
{
    vec_foreach(f, &r->frames) {
        frame_done(f);
    }
    vec_done(&r->frames);
}

static Frame *top_frame(Remover *r)
{
    return &r->frames.v[r->frames.n - 1];
}

/* ---- errors ---- */

/* errno with as much of the path as a reader can use. */
static int fail_at(const Remover *r, const char *what, const char *name, Err *err)
{
    int saved = errno;
    cleanup_buf Buf path = BUF_INIT(ERR_MSG_MAX / 2);

    vec_foreach(f, &r->frames) {
        buf_add_z(&path, f->name);
        buf_add_char(&path, '/');
    }
    errno = saved;
    return err_sys(err, "%s %s%s%s", what, buf_z(&path), path.full ? ".../" : "", name);
}

/* ---- mounts and permissions ---- */

/* "mnt_id:\t25" in /proc/self/fdinfo/N: what kernels had before statx could say it (5.8). */
static bool mount_of_fdinfo(int fd, uint64_t *ret)
{
    char path[64];
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Str key, value;
    Err err;

    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    if (file_read(AT_FDCWD, path, &text, &err) < 0)
        return false;
    for (Str rest = buf_str(&text), line; str_next(&rest, '\n', &line);)
        if (str_cut(line, ':', &key, &value) && str_eq(key, S("mnt_id")))
            return num_parse_u64(str_trim(value), UINT64_MAX, ret);
    return false;
}

static int place_of(int fd, Place *ret, Err *err)
{
    struct statx st;

    TRY(stat_fd(fd, &st, err));
    *ret = (Place){.ino = st.stx_ino,
                   .dev_major = st.stx_dev_major,
                   .dev_minor = st.stx_dev_minor,
                   .mount = st.stx_mnt_id,
                   .mount_known = (st.stx_mask & STATX_MNT_ID) != 0};
    if (!ret->mount_known)
        ret->mount_known = mount_of_fdinfo(fd, &ret->mount);
    return 0;
}

static bool same_dev(const Place *a, const Place *b)
{
    return a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

/*
 * The device tells only where nothing better is known: a btrfs subvolume has its own and is no
 * mount.
 */
static bool same_mount(const Place *a, const Place *b)
{
    return a->mount_known && b->mount_known ? a->mount == b->mount : same_dev(a, b);
}

/* After EACCES in an open directory: true when it was closed to us and no longer is. */
static bool let_us_in(int fd)
{
    int saved = errno;
    struct stat st;
    bool done = fstat(fd, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU && fchmod(fd, 0700) == 0;

    errno = saved;
    return done;
}

/*
 * Open a directory for reading, making it readable first when it is ours. In two steps, because
 * only with O_PATH is O_NOFOLLOW to be relied on (gVisor forgets it beside O_DIRECTORY), and
 * because chmod(2) has no way to leave a symlink alone: so it goes to what the O_PATH descriptor
 * holds, which surely is a directory.
 */
static int open_dir(int parent, const char *name)
{
    cleanup_close int held = openat(parent, name, HOLD_DIR);
    char proc[64];
    int fd;

    if (held < 0)
        return -1;
    fd = openat(held, ".", READ_DIR);
    if (fd >= 0 || errno != EACCES)
        return fd;
    (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", held);
    if (chmod(proc, 0700) < 0) {
        errno = EACCES;
        return -1;
    }
    return openat(held, ".", READ_DIR);
}

/* unlinkat that helps itself when the directory is not writable for its owner. */
static int unlink_in(int dirfd, const char *name, int flags)
{
    int r = unlinkat(dirfd, name, flags);

    if (r < 0 && errno == EACCES && let_us_in(dirfd))
        r = unlinkat(dirfd, name, flags);
    return r;
}

/* ---- down and up ---- */

/* 'fd' and the copy of 'name' belong to the frame. */
static void push(Remover *r, int fd, const char *name, const Place *place)
{
    Frame f = {.name = xstrdup(name), .fd = fd, .c = NEW(DirCursor), .place = *place};

    vec_push(&r->frames, f);
    if (r->frames.n > KEEP)
        frame_close(&r->frames.v[r->frames.n - 1 - KEEP]);
    dir_cursor_init(f.c, fd);
}

/* Open the frame above the last one again, when it was closed. */
static int reopen_parent(Remover *r, Err *err)
{
    Frame *f = top_frame(r), *parent = f - 1;
    cleanup_close int fd = -1;
    Place place;

    if (parent->fd >= 0)
        return 0;
    fd = openat(f->fd, "..", READ_DIR);
    if (fd < 0 && errno == EACCES && let_us_in(f->fd))
        fd = openat(f->fd, "..", READ_DIR);
    if (fd < 0)
        return fail_at(r, "open", "..", err);
    TRY(place_of(fd, &place, err));
    if (place.ino != parent->place.ino || !same_dev(&place, &parent->place)) {
        errno = EAGAIN;
        return fail_at(r, "moved while it was removed:", "", err);
    }
    parent->fd = steal_fd(&fd);
    parent->c = NEW(DirCursor);
    dir_cursor_init(parent->c, parent->fd);
    return dir_cursor_seek(parent->c, parent->off, err);
}

/*
 * From the start again, with a new descriptor: after a seek to the end of a directory, which is
 * where a frame that was opened again may begin, ext4 (seen with Linux 6.18) lists nothing after a
 * seek to 0.
 */
static int rewind_frame(Remover *r, Err *err)
{
    Frame *f = top_frame(r);
    int fd = openat(f->fd, ".", READ_DIR);

    if (fd < 0)
        return fail_at(r, "open", "", err);
    close_at(&f->fd);
    f->fd = fd;
    f->removed = f->kept = false;
    dir_cursor_init(f->c, fd);
    return 0;
}

static void pop(Remover *r)
{
    frame_done(top_frame(r));
    r->frames.n--;
}

/*
 * The end of a listing that is not the top one's: remove the directory, or read it again, or leave
 * it.
 */
static int finish_pass(Remover *r, Err *err)
{
    Frame *f = top_frame(r), *parent = f - 1;
    bool again = f->removed;

    if (f->kept && again)
        return rewind_frame(r, err);
    TRY(reopen_parent(r, err));
    if (f->kept) {
        parent->kept = true;
        pop(r);
        return 0;
    }
    if (unlink_in(parent->fd, f->name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        parent->removed = true;
    else if (errno == EBUSY)
        parent->kept = true;
    else if ((errno == ENOTEMPTY || errno == EEXIST) && again)
        return rewind_frame(r, err);
    else
        return fail_at(r, "rmdir", "", err);
    pop(r);
    return 0;
}

static int descend(Remover *r, const char *name, Err *err)
{
    Frame *f = top_frame(r);
    cleanup_close int fd = open_dir(f->fd, name);
    Place place;

    if (fd < 0 && errno == EACCES && let_us_in(f->fd))
        fd = open_dir(f->fd, name);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 && errno == ENOTDIR && unlink_in(f->fd, name, 0) == 0) {
        f->removed = true; /* something else has taken its place */
        return 0;
    }
    if (fd < 0)
        return fail_at(r, "open", name, err);
    TRY(place_of(fd, &place, err));
    if (!same_mount(&place, &f->place)) {
        f->kept = true;
        return 0;
    }
    push(r, steal_fd(&fd), name, &place);
    return 0;
}

static int remove_entry(Remover *r, const DirEntry *e, Err *err)
{
    Frame *f = top_frame(r);

    if (e->type == DT_DIR)
        return descend(r, e->name, err);
    if (unlink_in(f->fd, e->name, 0) == 0) {
        f->removed = true;
        return 0;
    }
    switch (errno) {
    case ENOENT: return 0;
    case EISDIR: return descend(r, e->name, err); /* DT_UNKNOWN */
    case EBUSY: f->kept = true; return 0;         /* a file that is a mount point */
    default: return fail_at(r, "unlink", e->name, err);
    }
}

/* Everything below the only frame. Returns 1 when something was left, else 0. */
static int run(Remover *r, Err *err)
{
    for (;;) {
        Frame *f = top_frame(r);
        DirEntry e;
        int got = dir_cursor_next(f->c, &e, err);

        if (got < 0)
            return err_wrap(err, "%s", f->name);
        if (got > 0)
            TRY(remove_entry(r, &e, err));
        else if (r->frames.n > 1)
            TRY(finish_pass(r, err));
        else if (f->removed)
            TRY(rewind_frame(r, err));
        else
            return f->kept;
    }
}

/* ---- the two functions ---- */

static int empty_opened(int fd, const char *name, const Place *place, Err *err)
{
    cleanup_with(remover_done) Remover r = {0};

    push(&r, fd, name, place);
    return run(&r, err);
}

int dir_empty(int fd, Err *err)
{
    cleanup_close int own = openat(fd, ".", READ_DIR);
    struct stat st;
    Place place;
    int left;

    if (own < 0)
        return err_sys(err, "open directory");
    if (fstat(own, &st) < 0)
        return err_sys(err, "stat directory");
    TRY(place_of(own, &place, err));
    left = empty_opened(steal_fd(&own), ".", &place, err);
    /* It may have been opened up for us; it stays, so it gets its mode back. */
    if (left >= 0 && (st.st_mode & S_IRWXU) != S_IRWXU)
        (void)fchmod(fd, st.st_mode & 07777);
    return left;
}

static int remove_dir_in(int parent, const char *name, Err *err)
{
    cleanup_close int fd = open_dir(parent, name);
    Place above, place;
    int left;

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return err_sys(err, "open %s", name);
    TRY(place_of(parent, &above, err));
    TRY(place_of(fd, &place, err));
    if (!same_mount(&place, &above))
        return 1;
    left = empty_opened(steal_fd(&fd), name, &place, err);
    if (left != 0)
        return left;
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    return errno == EBUSY ? 1 : err_sys(err, "rmdir %s", name);
}

/* The directory that holds 'name', and its last component in ret_base. -1 with errno. */
static int open_parent(int dirfd, const char *name, Arena *a, Str *ret_base)
{
    Str dir = path_dir(str_from(name)), base = path_base(str_from(name));

    if (str_eq(base, S(".")) || str_eq(base, S("..")) || str_eq(base, S("/"))) {
        errno = EINVAL;
        return -1;
    }
    *ret_base = str_dup_in(a, base);
    dir = dir.n ? str_dup_in(a, dir) : S(".");
    return openat(dirfd, dir.p, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int dir_remove_all(int dirfd, const char *name, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_close int parent = -1;
    struct stat st;
    Str base;

    parent = open_parent(dirfd, name, &a, &base);
    if (parent < 0)
        return errno == ENOENT ? 0 : err_sys(err, "remove %s", name);
    if (fstatat(parent, base.p, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : err_sys(err, "remove %s", name);
    if (S_ISDIR(st.st_mode)) {
        int left = remove_dir_in(parent, base.p, err);

        return left < 0 ? err_wrap(err, "remove %s", name) : left;
    }
    if (unlinkat(parent, base.p, 0) == 0 || errno == ENOENT)
        return 0;
    return errno == EBUSY ? 1 : err_sys(err, "remove %s", name);
}
