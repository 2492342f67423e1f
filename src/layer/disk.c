/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order of steps on one file: bytes, owner (which clears setuid and capabilities), mode, xattrs,
 * times.
 */
#include "layer/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "base/limits.h"
#include "base/log.h"
#include "os/chase.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/walk.h"

enum {
    OPEN_DIRS = 8,
    HOLE_BLOCK = 64 * 1024, /* what is looked at for zeros at a time */
    HOLE_LEAST = 4096,      /* shorter runs are no block of any file system */
};

#define HOLES_FROM_BYTES ((uint64_t)1 << 20) /* smaller files are written as they are */

typedef struct OpenDir {
    const Node *node;
    int fd;
    uint64_t used; /* for least recently used */
} OpenDir;

struct Disk {
    Tree *t;
    DiskOpts o;
    uid_t euid;
    gid_t egid;
    OpenDir dirs[OPEN_DIRS];
    uint64_t clock;
    Buf path;
    NodeVec stale; /* directories whose time is to be set: NODE_STALE_TIME */
    Node *file;    /* being written */
    int file_fd;
    uint64_t file_end; /* of the bytes written so far */
};

Disk *disk_new(Tree *t, const DiskOpts *o)
{
    Disk *d = NEW(Disk);

    d->t = t;
    d->o = *o;
    d->euid = geteuid();
    d->egid = getegid();
    d->path = (Buf)BUF_INIT(LIMIT_PATH);
    d->file_fd = -1;
    for (size_t i = 0; i < OPEN_DIRS; i++)
        d->dirs[i].fd = -1;
    return d;
}

void disk_free(Disk *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < OPEN_DIRS; i++)
        close_at(&d->dirs[i].fd);
    close_at(&d->file_fd);
    vec_done(&d->stale);
    buf_done(&d->path);
    free(d);
}

/* --- finding the place --- */

static const char *path_of(Disk *d, const Node *n)
{
    node_path_to(n, &d->path);
    return buf_z(&d->path);
}

static int wrap_path(Disk *d, const Node *n, Err *err)
{
    return err_wrap(err, "/%s", path_of(d, n));
}

static void forget_dir(Disk *d, const Node *n)
{
    for (size_t i = 0; i < OPEN_DIRS; i++) {
        const Node *up = d->dirs[i].node;

        while (up && up != n)
            up = up->parent;
        if (up) {
            close_at(&d->dirs[i].fd);
            d->dirs[i].node = NULL;
        }
    }
}

/* A borrowed descriptor of a directory of the tree. */
static int dir_fd(Disk *d, const Node *dir, int *ret, Err *err)
{
    OpenDir *slot = &d->dirs[0];
    int fd;

    for (size_t i = 0; i < OPEN_DIRS; i++) {
        if (d->dirs[i].node == dir) {
            d->dirs[i].used = ++d->clock;
            *ret = d->dirs[i].fd;
            return 0;
        }
        if (d->dirs[i].used < slot->used)
            slot = &d->dirs[i];
    }
    node_path_to(dir, &d->path);
    TRY(buf_check(&d->path, "the path of a directory in the image", err));
    fd = chase_beneath(d->o.root_fd, buf_z(&d->path), O_RDONLY | O_DIRECTORY, 0, err);
    if (fd < 0)
        return -1;
    close_at(&slot->fd);
    *slot = (OpenDir){dir, fd, ++d->clock};
    *ret = fd;
    return 0;
}

typedef enum Standing {
    STANDS_FREE,
    STANDS_ABOVE,  /* something below it is not the image's */
    STANDS_FOREIGN /* neither is it */
} Standing;

static Standing standing(Disk *d, const Node *n)
{
    Standing got = STANDS_FREE;
    Str path;

    if (!d->o.foreign || d->o.foreign->n == 0)
        return got;
    path = str_from(path_of(d, n));
    vec_foreach(f, d->o.foreign) {
        if (path_within(path, *f))
            return STANDS_FOREIGN;
        if (path_within(*f, path))
            got = STANDS_ABOVE;
    }
    return got;
}

/*
 * False when the node is not to be touched: it then counts as absent. So does what is no directory
 * where one must be, because it holds something that is not the image's (var/run, a link in the
 * image, with a mount at var/run/secrets).
 */
static bool may_touch(Disk *d, Node *n)
{
    Standing s = standing(d, n);

    if ((n->parent && n->parent->flags & NODE_ABSENT) || s == STANDS_FOREIGN ||
        (s == STANDS_ABOVE && !node_is_dir(n))) {
        n->flags |= NODE_ABSENT;
        return false;
    }
    n->flags &= (uint8_t)~NODE_ABSENT;
    return true;
}

/* Something in it is about to change, and its time with it. */
static void mark_stale(Disk *d, Node *dir)
{
    if (dir->flags & NODE_STALE_TIME)
        return;
    dir->flags |= NODE_STALE_TIME;
    vec_push(&d->stale, dir);
}

/* The directory in which 'n' is going to be made or removed. */
static int parent_fd(Disk *d, Node *n, int *ret, Err *err)
{
    mark_stale(d, n->parent);
    return dir_fd(d, n->parent, ret, err);
}

/* Whatever has the name goes, unless it is a directory that is wanted as one. */
static int clear_name(int fd, const char *name, Err *err)
{
    if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return err_sys(err, "remove %s", name);
    return dir_remove_all(fd, name, err);
}

/* --- owner, mode, xattrs, times --- */

static int refused(int e)
{
    return e == EPERM || e == EINVAL; /* EINVAL: an id that the user namespace does not map */
}

/* What we make is ours already, but for the group in a set-group-id directory. */
static int set_owner(const Disk *d, int fd, const char *name, int flags, const Node *n, Err *err)
{
    const Inode *i = n->inode;
    bool group_inherited = n->parent && n->parent->inode->mode & S_ISGID;

    if (!d->o.may_chown || (i->uid == d->euid && i->gid == d->egid && !group_inherited))
        return 0;
    if (fchownat(fd, name, i->uid, i->gid, AT_SYMLINK_NOFOLLOW | flags) == 0)
        return 0;
    if (refused(errno))
        return err_set(
            err, ERR_UNSUPPORTED,
            "cannot give it to %u:%u: this process may not use these ids (run as root, or "
            "with enough sub-ids in /etc/subuid and /etc/subgid)",
            i->uid, i->gid);
    return err_sys(err, "chown to %u:%u", i->uid, i->gid);
}

/* Exactly these; what was just made has none to be removed. */
static int set_xattrs_fd(int fd, const Inode *i, bool is_new, Err *err)
{
    unsigned skipped;

    return i->xattrs || !is_new ? xattrs_write_fd(fd, i->xattrs, &skipped, err) : 0;
}

static int set_xattrs_at(int parent, const Node *n, Err *err)
{
    unsigned skipped;

    return n->inode->xattrs ? xattrs_write_at(parent, n->name, n->inode->xattrs, &skipped, err) : 0;
}

static struct timespec to_timespec(int64_t ns)
{
    int64_t sec = ns / 1000000000, rest = ns % 1000000000;

    if (rest < 0) {
        rest += 1000000000;
        sec--;
    }
    return (struct timespec){.tv_sec = (time_t)sec, .tv_nsec = (long)rest};
}

/* name NULL: the file behind fd itself. */
static int set_times(int fd, const char *name, const Inode *i, Err *err)
{
    const struct timespec mtime = to_timespec(i->mtime_ns), times[2] = {mtime, mtime};
    int rc = name ? utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW) : futimens(fd, times);

    return rc < 0 ? err_sys(err, "set its time") : 0;
}

/* --- directories, links, devices --- */

/* Returns 1 when the directory was made now, 0 when it was there. What is in the way goes. */
static int make_dir(int parent, const char *name, int *ret_fd, Err *err)
{
    bool made = mkdirat(parent, name, 0700) == 0;

    if (!made && errno != EEXIST)
        return err_sys(err, "mkdir");
    *ret_fd = dir_open_at(parent, name, err);
    if (*ret_fd < 0 && !made && err->os_errno == ENOTDIR) {
        TRY(clear_name(parent, name, err));
        made = mkdirat(parent, name, 0700) == 0;
        if (!made)
            return err_sys(err, "mkdir");
        *ret_fd = dir_open_at(parent, name, err);
    }
    return *ret_fd < 0 ? -1 : made;
}

static int put_dir(Disk *d, int parent, Node *n, Err *err)
{
    const Inode *i = n->inode;
    cleanup_close int fd = -1;
    int made = make_dir(parent, n->name, &fd, err);

    TRY(made);
    mark_stale(d, n);
    if (d->o.may_chown && fchown(fd, i->uid, i->gid) < 0)
        TRY(set_owner(d, parent, n->name, 0, n, err));
    if (fchmod(fd, i->mode & 07777) < 0)
        return err_sys(err, "chmod");
    return set_xattrs_fd(fd, i, made, err);
}

static int put_symlink(Disk *d, int parent, Node *n, Err *err)
{
    TRY(clear_name(parent, n->name, err));
    if (symlinkat(n->inode->target, parent, n->name) < 0)
        return err_sys(err, "symlink");
    TRY(set_owner(d, parent, n->name, 0, n, err));
    TRY(set_xattrs_at(parent, n, err));
    return set_times(parent, n->name, n->inode, err);
}

static int put_special(Disk *d, int parent, Node *n, Err *err)
{
    const Inode *i = n->inode;

    TRY(clear_name(parent, n->name, err));
    if (mknodat(parent, n->name, i->mode & (S_IFMT | 07777), S_ISFIFO(i->mode) ? 0 : i->rdev) < 0) {
        if (errno != EPERM)
            return err_sys(err, "mknod");
        log_debug("/%s: device nodes cannot be made here; it stays in the image", path_of(d, n));
        n->flags |= NODE_ABSENT;
        return 0;
    }
    TRY(set_owner(d, parent, n->name, 0, n, err));
    if (fchmodat(parent, n->name, i->mode & 07777, 0) < 0)
        return err_sys(err, "chmod");
    TRY(set_xattrs_at(parent, n, err));
    return set_times(parent, n->name, i, err);
}

static int put_below(Disk *d, Node *n, Err *err)
{
    int parent;

    TRY(parent_fd(d, n, &parent, err));
    if (node_is_dir(n))
        return put_dir(d, parent, n, err);
    if (S_ISLNK(n->inode->mode))
        return put_symlink(d, parent, n, err);
    return put_special(d, parent, n, err);
}

static int put_root(const Disk *d, const Inode *i, Err *err)
{
    if (d->o.may_chown && fchown(d->o.root_fd, i->uid, i->gid) < 0)
        return err_sys(err, "chown");
    if (fchmod(d->o.root_fd, i->mode & 07777) < 0)
        return err_sys(err, "chmod");
    return set_xattrs_fd(d->o.root_fd, i, false, err);
}

int disk_put(Disk *d, Node *n, Err *err)
{
    int rc;

    if (!may_touch(d, n))
        return 0;
    rc = n->parent ? put_below(d, n, err) : put_root(d, n->inode, err);
    return rc < 0 ? wrap_path(d, n, err) : 0;
}

int disk_link(Disk *d, Node *n, Node *existing, Err *err)
{
    int parent, from;

    if (!may_touch(d, n))
        return 0;
    if (existing->flags & NODE_ABSENT) {
        n->flags |= NODE_ABSENT;
        return 0;
    }
    if (parent_fd(d, n, &parent, err) < 0 || clear_name(parent, n->name, err) < 0 ||
        dir_fd(d, existing->parent, &from, err) < 0 || dir_fd(d, n->parent, &parent, err) < 0)
        return wrap_path(d, n, err);
    if (linkat(from, existing->name, parent, n->name, 0) < 0) {
        (void)err_sys(err, "link");
        return wrap_path(d, n, err);
    }
    return 0;
}

/* --- regular files --- */

static int open_new(int parent, const char *name, int *ret, Err *err)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, name, flags, 0600);

    if (fd < 0 && errno == EEXIST) {
        TRY(clear_name(parent, name, err));
        fd = openat(parent, name, flags, 0600);
    }
    if (fd < 0)
        return err_sys(err, "create");
    *ret = fd;
    return 0;
}

int disk_file_begin(Disk *d, Node *n, Err *err)
{
    uint64_t size = n->inode->size;
    int parent;

    if (!may_touch(d, n))
        return 0;
    if (parent_fd(d, n, &parent, err) < 0 || open_new(parent, n->name, &d->file_fd, err) < 0)
        return wrap_path(d, n, err);
    d->file = n;
    d->file_end = 0;
    /* Telling the file system the size spares it guessing; larger files may have holes. */
    if (size > HOLE_BLOCK && size < HOLES_FROM_BYTES)
        (void)fallocate(d->file_fd, 0, 0, (off_t)size);
    return 1;
}

static bool all_zero(const char *p, size_t n)
{
    return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

int disk_file_write(Disk *d, uint64_t at, const void *p, size_t n, Err *err)
{
    const char *bytes = p;

    while (n > 0) {
        /* Cut at multiples of HOLE_BLOCK of the file, so that a run of zeros can be left out. */
        size_t room = HOLE_BLOCK - (size_t)(at % HOLE_BLOCK);
        size_t take = n;
        bool sparse = d->file->inode->size >= HOLES_FROM_BYTES;

        if (sparse && n >= room)
            take = room;
        if (!(sparse && take >= HOLE_LEAST && all_zero(bytes, take))) {
            if (fd_pwrite_all(d->file_fd, bytes, take, at, err) < 0)
                return wrap_path(d, d->file, err);
            d->file_end = at + take;
        }
        bytes += take;
        at += take;
        n -= take;
    }
    return 0;
}

static int finish_file(Disk *d, const Node *n, Err *err)
{
    const Inode *i = n->inode;
    int fd = d->file_fd;

    if (d->file_end < i->size && ftruncate(fd, (off_t)i->size) < 0)
        return err_sys(err, "truncate to %llu bytes", (unsigned long long)i->size);
    TRY(set_owner(d, fd, "", AT_EMPTY_PATH, n, err));
    if ((i->mode & 07777) != 0600 && fchmod(fd, i->mode & 07777) < 0)
        return err_sys(err, "chmod");
    TRY(set_xattrs_fd(fd, i, true, err));
    return set_times(fd, NULL, i, err);
}

int disk_file_end(Disk *d, Err *err)
{
    int rc = finish_file(d, d->file, err);

    close_at(&d->file_fd);
    return rc < 0 ? wrap_path(d, d->file, err) : 0;
}

/* --- removing, finishing --- */

static int remove_name(Disk *d, Node *n, Err *err)
{
    int parent;

    TRY(parent_fd(d, n, &parent, err));
    return clear_name(parent, n->name, err);
}

/* All that is the image's goes; the directory itself only if nothing else is in it. */
static int remove_around(Disk *d, Node *n, Err *err)
{
    int parent;

    for (Node *child = n->inode->children; child; child = child->next)
        TRY(disk_remove(d, child, err));
    TRY(parent_fd(d, n, &parent, err));
    if (unlinkat(parent, n->name, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY && errno != EEXIST &&
        errno != EBUSY && errno != ENOENT)
        return err_sys(err, "rmdir");
    return 0;
}

int disk_remove(Disk *d, Node *n, Err *err)
{
    int rc;

    if (!may_touch(d, n))
        return 0;
    forget_dir(d, n);
    /* only the directories that lead to what is foreign are walked like this: a few */
    if (standing(d, n) == STANDS_ABOVE)
        return remove_around(d, n, err);
    rc = remove_name(d, n, err);
    return rc < 0 ? wrap_path(d, n, err) : 0;
}

static int set_dir_time(Disk *d, Node *n, Err *err)
{
    int parent;

    if (dir_fd(d, n->parent, &parent, err) < 0 || set_times(parent, n->name, n->inode, err) < 0)
        return wrap_path(d, n, err);
    return 0;
}

int disk_finish(Disk *d, Err *err)
{
    vec_foreach(at, &d->stale) {
        Node *n = *at;

        n->flags &= (uint8_t)~NODE_STALE_TIME;
        if (n->parent && !(n->flags & (NODE_ABSENT | NODE_REMOVED)))
            TRY(set_dir_time(d, n, err));
    }
    d->stale.n = 0;
    return 0;
}
