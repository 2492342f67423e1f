/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of a context is filled on demand: a directory that no instruction looks into is never
 * listed, and one that .dockerignore excludes is listed only where an exception could bring
 * something below it back.
 */
#include "context/context.h"

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

static const ContextKind kinds[] = {
    {"dir", context_dir_open, "a directory"},          {"tar", NULL, "a tar archive as context"},
    {"gs", NULL, "a context in Google Cloud Storage"}, {"s3", NULL, "a context in Amazon S3"},
    {"https", NULL, "a context over HTTPS"},           {"git", NULL, "a git repository as context"},
    {"ssh", NULL, "a git repository as context"},
};

struct Context {
    TreeLoader loader;
    FileSource files;
    char *name;
    char *dir; /* where 'fd' is; see context_dir() */
    int fd;
    Tree *tree;
    Ignore *ignore;
    Map links; /* (dev, ino) of files with several names -> Inode */
};

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

static int make_inode(Context *c, int dirfd, const char *name, const struct statx *st, Inode **ret,
                      Err *err)
{
    FileId id = {makedev(st->stx_dev_major, st->stx_dev_minor), st->stx_ino};
    Str key = {(const char *)&id, sizeof(id)};
    bool shared = S_ISREG(st->stx_mode) && st->stx_nlink > 1;
    Inode *i = shared ? map_find(&c->links, key) : NULL;

    if (i) {
        *ret = i;
        return 0;
    }
    i = tree_inode_new(c->tree,
                       S_ISSOCK(st->stx_mode) ? S_IFREG | (st->stx_mode & 07777u) : st->stx_mode);
    i->mtime_ns = statx_ns(st->stx_mtime);
    if (S_ISREG(st->stx_mode))
        i->size = st->stx_size;
    else if (S_ISLNK(st->stx_mode))
        TRY(read_link(dirfd, name, c->tree, i, err));
    else if (S_ISCHR(st->stx_mode) || S_ISBLK(st->stx_mode))
        i->rdev = makedev(st->stx_rdev_major, st->stx_rdev_minor);
    TRY(read_capability(dirfd, name, st, c->tree, i, err));
    if (shared)
        (void)map_set(&c->links, key, i);
    *ret = i;
    return 0;
}

/* A directory being listed. */
typedef struct Listing {
    Context *c;
    Node *dir;
    int fd;
    Buf path;         /* of the entry at hand */
    NodeVec doubtful; /* excluded directories that exist if an exception puts something into them */
} Listing;

static int add_entry(Listing *l, const char *name, Err *err)
{
    Context *c = l->c;
    Str path = buf_str(&l->path);
    bool excluded = ignore_excludes(c->ignore, path);
    struct statx st;
    Inode *i;
    Node *n;

    if (excluded && !ignore_may_reinclude(c->ignore, path))
        return 0;
    TRY(stat_at(l->fd, name, &st, err));
    if (excluded && !S_ISDIR(st.stx_mode))
        return 0;
    TRY(make_inode(c, l->fd, name, &st, &i, err));
    TRY(tree_add(c->tree, l->dir, str_from(name), i, &n, err));
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
        TRY(tree_read_dir(l->c->tree, *n, err));
        if (!(*n)->inode->children)
            tree_remove(l->c->tree, *n);
    }
    return 0;
}

static int read_dir(TreeLoader *self, Tree *t, Node *dir, Err *err)
{
    Listing l = {.c = (Context *)self, .dir = dir, .path = BUF_INIT(LIMIT_PATH)};
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

static int open_file(FileSource *self, const Node *n, int *ret_fd, Err *err)
{
    Context *c = (Context *)((char *)self - offsetof(Context, files));
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
    *ret_fd = fd;
    return 0;
}

/* --- the object --- */

static int open_kind(const char *spec, int *ret_fd, Err *err)
{
    Str s = str_from(spec), scheme;
    const char *sep = strstr(spec, "://");

    if (str_eq(s, S("-")))
        return err_set(err, ERR_UNSUPPORTED, "a context on standard input is not supported yet");
    if (!sep && str_starts(s, S("git@")))
        scheme = S("git");
    else if (sep)
        scheme = str_head(s, (size_t)(sep - spec));
    else
        return context_dir_open(spec, ret_fd, err);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!str_eq(scheme, str_from(kinds[i].scheme)))
            continue;
        if (!kinds[i].open)
            return err_set(err, ERR_UNSUPPORTED, "%s is not supported yet (%s)", kinds[i].what,
                           spec);
        return kinds[i].open(sep + 3, ret_fd, err);
    }
    return err_set(err, ERR_USAGE,
                   "unknown kind of context \"" STR_FMT "\" in %s: use a directory or dir://PATH",
                   STR_ARG(scheme), spec);
}

/* Asked of the kernel: the name that was given may be relative, or lead through links. */
static char *real_path(int fd)
{
    char link[32];

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return realpath(link, NULL);
}

int context_open(const char *spec, Context **ret, Err *err)
{
    cleanup_with(context_free_at) Context *c = NEW(Context);

    c->fd = -1;
    c->loader.read_dir = read_dir;
    c->files.open = open_file;
    c->name = xstrdup(spec);
    TRY(open_kind(spec, &c->fd, err));
    c->dir = real_path(c->fd);
    c->tree = tree_new();
    tree_set_loader(c->tree, &c->loader);
    *ret = steal_ptr(&c);
    return 0;
}

void context_free(Context *c)
{
    if (!c)
        return;
    tree_free(c->tree);
    ignore_free(c->ignore);
    map_done(&c->links);
    close_at(&c->fd);
    free(c->name);
    free(c->dir);
    free(c);
}

const char *context_name(const Context *c)
{
    return c->name;
}

const char *context_dir(const Context *c)
{
    return c->dir;
}

void context_set_dir(Context *c, int taken_fd)
{
    close_at(&c->fd);
    c->fd = taken_fd;
}

int context_read(Context *c, const char *path, Buf *ret, Err *err)
{
    cleanup_close int fd = chase_open(c->fd, path, O_RDONLY | O_NONBLOCK, 0, err);
    FdReader r = fd_reader(fd);

    if (fd < 0 && err->os_errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "%s does not exist in the context %s", path, c->name);
    if (fd < 0)
        return -1;
    return reader_read_all(&r.r, ret, path, err);
}

void context_set_ignore(Context *c, Ignore *taken)
{
    ignore_free(c->ignore);
    c->ignore = taken;
}

Tree *context_tree(Context *c)
{
    return c->tree;
}

FileSource *context_files(Context *c)
{
    return &c->files;
}
