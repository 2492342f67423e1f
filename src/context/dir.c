/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of a directory is filled on demand: a directory that no instruction looks into is never
 * listed, and one that .dockerignore excludes is listed only where an exception could bring
 * something below it back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "base/limits.h"
#include "base/map.h"
#include "context/kinds.h"
#include "os/chase.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/walk.h"

typedef struct DirContext {
    Context c;
    TreeLoader loader;
    int fd;
    Map links; /* (dev, ino) of files with several names -> Inode */
} DirContext;

/* --- reading directories --- */

typedef struct FileId {
    uint64_t dev, ino;
} FileId;

/*
 * Only programs carry capabilities: asking for the attributes of every file would double the system
 * calls.
 */
static int read_capability(int dirfd, const char *name, const struct statx *st, Tree *t, Inode *i,
                           Err *err)
{
    cleanup_with(xattrs_free_at) Xattrs *all = NULL;
    const Str key = S("security.capability");
    Xattr one;

    if (!S_ISREG(st->stx_mode) || !(st->stx_mode & 0111))
        return 0;
    TRY(xattrs_read_at(dirfd, name, &all, err));
    one = (Xattr){key, xattrs_find(all, key)};
    if (one.value.p)
        inode_set_xattrs(t, i, xattrs_new(&one, 1));
    return 0;
}

static int read_link(int dirfd, const char *name, Tree *t, Inode *i, Err *err)
{
    char target[LIMIT_SYMLINK + 1];
    ssize_t n = readlinkat(dirfd, name, target, sizeof(target));

    if (n < 0)
        return err_sys(err, "readlink");
    inode_set_target(t, i, (Str){target, (size_t)n});
    return 0;
}

static int make_inode(DirContext *c, int dirfd, const char *name, const struct statx *st,
                      Inode **ret, Err *err)
{
    FileId id = {makedev(st->stx_dev_major, st->stx_dev_minor), st->stx_ino};
    Str key = {(const char *)&id, sizeof(id)};
    bool shared = S_ISREG(st->stx_mode) && st->stx_nlink > 1;
    Inode *i = shared ? map_find(&c->links, key) : NULL;

    if (i) {
        *ret = i;
        return 0;
    }
    i = tree_inode_new(c->c.tree,
                       S_ISSOCK(st->stx_mode) ? S_IFREG | (st->stx_mode & 07777u) : st->stx_mode);
    i->mtime_ns = statx_ns(st->stx_mtime);
    if (S_ISREG(st->stx_mode))
        i->size = st->stx_size;
    else if (S_ISLNK(st->stx_mode))
        TRY(read_link(dirfd, name, c->c.tree, i, err));
    else if (S_ISCHR(st->stx_mode) || S_ISBLK(st->stx_mode))
        i->rdev = makedev(st->stx_rdev_major, st->stx_rdev_minor);
    TRY(read_capability(dirfd, name, st, c->c.tree, i, err));
    if (shared) {
        i->ino = st->stx_ino; /* more names may follow: see copy_inode() in build/copy.c */
        (void)map_set(&c->links, key, i);
    }
    *ret = i;
    return 0;
}

/* A directory being listed. */
typedef struct Listing {
    DirContext *c;
    Node *dir;
    int fd;
    Buf path;         /* of the entry at hand */
    NodeVec doubtful; /* excluded directories that exist if an exception puts something into them */
} Listing;

static void is_unlike(const Listing *l)
{
    NodeVec *all = &l->c->c.unlike;

    if (all->n == 0 || all->v[all->n - 1] != l->dir)
        vec_push(all, l->dir);
}

static int add_entry(Listing *l, const char *name, Err *err)
{
    DirContext *c = l->c;
    Str path = buf_str(&l->path);
    bool excluded = ignore_excludes(c->c.ignore, path);
    struct statx st;
    Inode *i;
    Node *n;

    if (excluded)
        is_unlike(l);
    if (excluded && !ignore_may_reinclude(c->c.ignore, path))
        return 0;
    TRY(stat_at(l->fd, name, &st, err));
    if (excluded && !S_ISDIR(st.stx_mode))
        return 0;
    if (st.stx_uid != 0 || st.stx_gid != 0)
        is_unlike(l);
    TRY(make_inode(c, l->fd, name, &st, &i, err));
    TRY(tree_add(c->c.tree, l->dir, str_from(name), i, &n, err));
    if (S_ISDIR(st.stx_mode))
        n->flags |= NODE_UNREAD;
    if (excluded)
        vec_push(&l->doubtful, n);
    return 0;
}

static int list_entries(Listing *l, Err *err)
{
    cleanup_dir_list DirList list = {0};
    cleanup_close int fd = chase_beneath(l->c->fd, buf_z(&l->path), O_RDONLY | O_DIRECTORY, 0, err);
    size_t prefix;

    if (fd < 0 || dir_list(fd, &list, err) < 0)
        return err_wrap(err, "context directory \"%s\"", buf_z(&l->path));
    l->fd = fd;
    if (l->path.n)
        buf_add_char(&l->path, '/');
    prefix = l->path.n;
    for (size_t i = 0; i < list.n; i++) {
        buf_truncate(&l->path, prefix);
        buf_add_z(&l->path, list.v[i].name);
        TRY(buf_check(&l->path, "the path of a file in the context", err));
        if (add_entry(l, list.v[i].name, err) < 0)
            return err_wrap(err, "context file \"%s\"", buf_z(&l->path));
    }
    return 0;
}

/*
 * Only now: with the directory closed and its list freed, it does not matter how deep such
 * directories nest.
 */
static int settle_doubtful(const Listing *l, Err *err)
{
    vec_foreach(n, &l->doubtful) {
        TRY(tree_read_dir(l->c->c.tree, *n, err));
        if (!(*n)->inode->children)
            tree_remove(l->c->c.tree, *n);
    }
    return 0;
}

static int read_dir(TreeLoader *self, Tree *t, Node *dir, Err *err)
{
    Listing l = {.c = (DirContext *)((char *)self - offsetof(DirContext, loader)),
                 .dir = dir,
                 .path = BUF_INIT(LIMIT_PATH)};
    int rc;

    (void)t;
    node_path_to(dir, &l.path);
    rc = list_entries(&l, err);
    buf_done(&l.path);
    if (rc == 0)
        rc = settle_doubtful(&l, err);
    vec_done(&l.doubtful);
    return rc;
}

static int open_file(FileSource *self, const Node *n, OpenFile *ret, Err *err)
{
    DirContext *c = (DirContext *)((char *)self - offsetof(DirContext, c.files));
    cleanup_buf Buf path = BUF_INIT(LIMIT_PATH);
    int fd;

    node_path_to(n, &path);
    /*
     * O_NONBLOCK: what was a socket (an empty file to us), or has become a fifo, must not stop the
     * build.
     */
    fd = chase_beneath(c->fd, n->inode->size ? buf_z(&path) : "", O_RDONLY | O_NONBLOCK, 0, err);
    if (fd < 0)
        return err_wrap(err, "context file \"%s\"", buf_z(&path));
    *ret = (OpenFile){fd, 0};
    return 0;
}

/* --- the object --- */

/* Asked of the kernel: the name that was given may be relative, or lead through links. */
static char *real_path(int fd)
{
    char link[32];

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return realpath(link, NULL);
}

static int read_file(Context *self, const char *path, Buf *ret, Err *err)
{
    const DirContext *c = (const DirContext *)self;
    cleanup_close int fd = chase_open(c->fd, path, O_RDONLY | O_NONBLOCK, 0, err);
    FdReader r = fd_reader(fd);

    if (fd < 0 && err->os_errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "%s does not exist in the context %s", path, c->c.name);
    if (fd < 0)
        return -1;
    return reader_read_all(&r.r, ret, path, err);
}

static void set_dir(Context *self, int taken_fd)
{
    DirContext *c = (DirContext *)self;

    close_at(&c->fd);
    c->fd = taken_fd;
}

static void dir_free(Context *self)
{
    DirContext *c = (DirContext *)self;

    context_done(self);
    map_done(&c->links);
    close_at(&c->fd);
    free(c);
}

static const ContextOps dir_ops = {.read = read_file, .free = dir_free, .set_dir = set_dir};

static int open_dir(const char *path, int *ret_fd, Err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "the context %s does not exist", path);
    if (fd < 0 && errno == ENOTDIR)
        return err_set(err, ERR_USAGE,
                       "the context %s is not a directory (an archive is given as tar://PATH)",
                       path);
    if (fd < 0)
        return err_sys(err, "open the context %s", path);
    *ret_fd = fd;
    return 0;
}

static int open_sub_path(DirContext *c, const char *sub_path, Err *err)
{
    int fd = chase_open(c->fd, sub_path, O_RDONLY | O_DIRECTORY, 0, err);

    if (fd < 0)
        return err_set(err, ERR_USAGE, "the context %s has no directory %s", c->c.name, sub_path);
    close_at(&c->fd);
    c->fd = fd;
    return 0;
}

int dir_context_open(const char *spec, const char *rest, const ContextOpts *o, Context **ret,
                     Err *err)
{
    DirContext *c = NEW(DirContext);
    cleanup_with(context_free_at) Context *guard = &c->c;

    context_init(&c->c, &dir_ops, spec);
    c->fd = -1;
    c->loader.read_dir = read_dir;
    c->c.files.open = open_file;
    TRY(open_dir(rest, &c->fd, err));
    if (o->sub_path && *o->sub_path)
        TRY(open_sub_path(c, o->sub_path, err));
    c->c.dir = real_path(c->fd);
    c->c.tree = tree_new();
    tree_set_loader(c->c.tree, &c->loader);
    *ret = steal_ptr(&guard);
    return 0;
}
