/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each name remembers the layer that last mentioned it. A whiteout hides only what lower layers
 * brought, in whatever order the entries of one layer come, so a marker that stands after its
 * siblings does the same as one that stands before them.
 */
#include "layer/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "base/limits.h"
#include "os/fd.h"
#include "os/signal.h"

typedef struct Apply {
    const ApplyOpts *o;
    TarReader *tar;
    char *block; /* IO_BLOCK bytes */
    Arena names; /* of one entry */
} Apply;

/* --- names --- */

/*
 * The entry's path inside the root. One that climbs above it is an attack or an accident: refused.
 */
static int rooted_name(Apply *a, Str name, const char *what, Str *ret, Err *err)
{
    Str rest = name, c;
    size_t depth = 0;

    while (path_next(&rest, &c)) {
        if (str_eq(c, S("..")) && depth-- == 0)
            return err_set(err, ERR_FORMAT, "%s \"" STR_FMT "\" leads out of the image's root",
                           what, STR_ARG(name));
        else if (!str_eq(c, S("..")) && !str_eq(c, S(".")))
            depth++;
    }
    *ret = path_rooted(&a->names, name);
    if (ret->n > LIMIT_PATH)
        return err_set(err, ERR_LIMIT, "%s has %zu bytes; the most is %u", what, ret->n,
                       LIMIT_PATH);
    return 0;
}

/*
 * This layer has spoken of the node: whiteouts of the same layer do not hide it, nor what leads to
 * it.
 */
static void touch(Apply *a, Node *n)
{
    n->layer = a->o->layer;
    if (!a->o->plain)
        for (n = n->parent; n && n->layer != a->o->layer; n = n->parent)
            n->layer = a->o->layer;
}

/* Make the directories of a canonical path that do not exist: 0755, owned by root, at the epoch. */
static int make_parents(Apply *a, Str canonical, Node **ret, Err *err)
{
    Node *dir = tree_root(a->o->tree);
    Str rest = canonical, c;

    while (path_next(&rest, &c)) {
        Node *n = tree_child(a->o->tree, dir, c);

        if (n && !node_is_dir(n))
            return err_set(err, ERR_FORMAT, "its parent /" STR_FMT " is not a directory",
                           STR_ARG(canonical));
        if (!n) {
            TRY(tree_add(a->o->tree, dir, c, tree_inode_new(a->o->tree, S_IFDIR | 0755), &n, err));
            if (a->o->disk)
                TRY(disk_put(a->o->disk, n, err));
        }
        dir = n;
    }
    *ret = dir;
    return 0;
}

static int find_parent(Apply *a, Str path, bool make, Node **ret, Err *err)
{
    Str dir;

    TRY(tree_canonical(a->o->tree, &a->names, path_dir(path), true, &dir, err));
    if (make)
        return make_parents(a, dir, ret, err);
    TRY(tree_at(a->o->tree, dir, ret, err));
    if (*ret && !node_is_dir(*ret))
        *ret = NULL;
    return 0;
}

static int remove_node(Apply *a, Node *n, Err *err)
{
    if (a->o->disk)
        TRY(disk_remove(a->o->disk, n, err));
    tree_remove(a->o->tree, n);
    return 0;
}

/* --- whiteouts --- */

/* Hide what lower layers put below 'dir'; what this layer put there stays. */
static int hide_below(Apply *a, Node *dir, Err *err)
{
    VEC(Node *) todo = {0};
    int rc = 0;

    vec_push(&todo, dir);
    while (rc == 0 && todo.n) {
        for (Node *n = todo.v[--todo.n]->inode->children, *next; rc == 0 && n; n = next) {
            next = n->next;
            if (n->layer != a->o->layer)
                rc = remove_node(a, n, err);
            else if (node_is_dir(n))
                vec_push(&todo, n);
        }
    }
    vec_done(&todo);
    return rc;
}

static int apply_whiteout(Apply *a, Str path, Str name, Err *err)
{
    Node *dir, *n;

    TRY(find_parent(a, path, false, &dir, err));
    if (!dir)
        return 0; /* nothing there to hide */
    if (str_eq(name, S(LAYER_WHITEOUT_OPAQUE)))
        return hide_below(a, dir, err);
    if (str_starts(name, S(LAYER_WHITEOUT LAYER_WHITEOUT)))
        return 0; /* AUFS's own files (.wh..wh.plnk and the like): no content of the image */
    n = tree_child(a->o->tree, dir, str_skip(name, strlen(LAYER_WHITEOUT)));
    if (!n)
        return 0;
    if (n->layer != a->o->layer)
        return remove_node(a, n, err);
    return node_is_dir(n) ? hide_below(a, n, err) : 0;
}

/* --- entries --- */

static uint32_t entry_mode(const TarEntry *e)
{
    static const uint32_t type[] = {
        [TAR_FILE] = S_IFREG, [TAR_DIR] = S_IFDIR,          [TAR_SYMLINK] = S_IFLNK,
        [TAR_CHAR] = S_IFCHR, [TAR_BLOCK_DEVICE] = S_IFBLK, [TAR_FIFO] = S_IFIFO,
    };

    return type[e->type] | (e->mode & 07777u);
}

static int fill_inode(Apply *a, Inode *i, const TarEntry *e, Err *err)
{
    if (e->uid >= UINT32_MAX || e->gid >= UINT32_MAX)
        return err_set(err, ERR_FORMAT, "owner %llu:%llu is beyond 32 bits",
                       (unsigned long long)e->uid, (unsigned long long)e->gid);
    i->mode = entry_mode(e);
    i->uid = (uint32_t)e->uid;
    i->gid = (uint32_t)e->gid;
    i->mtime_ns = e->mtime_ns;
    inode_set_xattrs(a->o->tree, i, e->xattrs ? xattrs_new(e->xattrs->v, e->xattrs->n) : NULL);
    if (e->type == TAR_FILE) {
        i->size = e->size;
        i->content = (Content){.layer = a->o->layer, .offset = tar_reader_offset(a->tar)};
    } else if (e->type == TAR_SYMLINK) {
        inode_set_target(a->o->tree, i, e->link);
    } else if (e->type != TAR_DIR) {
        i->rdev = makedev(e->dev_major, e->dev_minor);
    }
    return 0;
}

/* Where the bytes of a regular file go. */
typedef int PutRun(void *ctx, uint64_t at, const void *p, size_t n, Err *err);

static int copy_runs(TarReader *tar, char *block, PutRun *put, void *ctx, Err *err)
{
    for (;;) {
        uint64_t at;
        ssize_t k = tar_reader_run(tar, &at, block, IO_BLOCK, err);

        if (k <= 0)
            return k < 0 ? -1 : 0;
        TRY(signal_check(err));
        TRY(put(ctx, at, block, (size_t)k, err));
    }
}

static int put_on_fd(void *ctx, uint64_t at, const void *p, size_t n, Err *err)
{
    return fd_pwrite_all(*(const int *)ctx, p, n, at, err);
}

static int put_in_place(void *ctx, uint64_t at, const void *p, size_t n, Err *err)
{
    return disk_file_write(ctx, at, p, n, err);
}

static int write_file(Apply *a, Node *n, Err *err)
{
    int begun = disk_file_begin(a->o->disk, n, err);

    if (begun <= 0)
        return begun;
    TRY(copy_runs(a->tar, a->block, put_in_place, a->o->disk, err));
    return disk_file_end(a->o->disk, err);
}

static int keep_file(Apply *a, const Node *n, Err *err)
{
    for (size_t i = 0; i < a->o->n_keep; i++) {
        KeptFile *k = &a->o->keep[i];

        if (!str_eq(path_base(k->path), node_name(n)) || n->inode->size > k->data.max ||
            !str_eq(node_path(n, &a->names), k->path))
            continue;
        buf_truncate(&k->data, 0);
        TRY(reader_read_all(tar_reader_data(a->tar), &k->data, "the file", err));
        k->content = n->inode->content;
        break;
    }
    return 0;
}

typedef struct SpoolRun {
    const ApplySpool *spool;
    uint64_t end; /* of what has been written, from the file's beginning */
} SpoolRun;

static int put_in_spool(void *ctx, uint64_t at, const void *p, size_t n, Err *err)
{
    SpoolRun *r = ctx;

    r->end = at + n;
    return fd_pwrite_all(r->spool->fd, p, n, r->spool->at + at, err);
}

static int spool_file(Apply *a, Node *n, Err *err)
{
    ApplySpool *s = a->o->spool;
    SpoolRun run = {.spool = s};

    TRY(copy_runs(a->tar, a->block, put_in_spool, &run, err));
    if (run.end < n->inode->size && ftruncate(s->fd, (off_t)(s->at + n->inode->size)) < 0)
        return err_sys(err, "extend"); /* it ends in a hole */
    n->inode->content.offset = s->at;
    s->at += n->inode->size;
    return s->stored ? s->stored(s->ctx, n, err) : 0;
}

static int put_on_disk(Apply *a, Node *n, Err *err)
{
    if (a->o->spool)
        return S_ISREG(n->inode->mode) ? spool_file(a, n, err) : 0;
    if (!a->o->disk)
        return S_ISREG(n->inode->mode) ? keep_file(a, n, err) : 0;
    return S_ISREG(n->inode->mode) ? write_file(a, n, err) : disk_put(a->o->disk, n, err);
}

/* A directory over a directory: same node, new owner, mode and times. */
static int update_dir(Apply *a, Node *n, const TarEntry *e, Err *err)
{
    TRY(fill_inode(a, n->inode, e, err));
    touch(a, n);
    return put_on_disk(a, n, err);
}

static int apply_hardlink(Apply *a, Node *dir, Str name, const TarEntry *e, Err *err)
{
    Str target, canonical;
    Node *to, *n;

    TRY(rooted_name(a, e->link, "the hard link's target", &target, err));
    TRY(tree_canonical(a->o->tree, &a->names, target, false, &canonical, err));
    TRY(tree_at(a->o->tree, canonical, &to, err));
    if (!to || node_is_dir(to))
        return err_set(err, ERR_FORMAT, "hard link to \"" STR_FMT "\", which %s", STR_ARG(e->link),
                       to ? "is a directory" : "does not exist");
    n = tree_child(a->o->tree, dir, name);
    if (n && n->inode == to->inode) {
        touch(a, n);
        return 0;
    }
    if (n)
        TRY(remove_node(a, n, err));
    if (to->flags & NODE_REMOVED)
        return err_set(err, ERR_FORMAT, "hard link to \"" STR_FMT "\", whose place it takes",
                       STR_ARG(e->link));
    TRY(tree_add(a->o->tree, dir, name, to->inode, &n, err));
    touch(a, n);
    return a->o->disk ? disk_link(a->o->disk, n, to, err) : 0;
}

static int apply_entry(Apply *a, const TarEntry *e, Err *err)
{
    Node *dir, *n;
    Str path, name;
    Inode *i;

    TRY(rooted_name(a, e->name, "the name", &path, err));
    if (path.n == 0)
        return e->type == TAR_DIR ? update_dir(a, tree_root(a->o->tree), e, err) : 0;
    name = path_base(path);
    if (!a->o->plain && str_starts(name, S(LAYER_WHITEOUT)))
        return apply_whiteout(a, path, name, err);
    TRY(find_parent(a, path, true, &dir, err));
    if (e->type == TAR_HARDLINK)
        return apply_hardlink(a, dir, name, e, err);
    n = tree_child(a->o->tree, dir, name);
    if (n && node_is_dir(n) && e->type == TAR_DIR)
        return update_dir(a, n, e, err);
    if (n)
        TRY(remove_node(a, n, err));
    i = tree_inode_new(a->o->tree, entry_mode(e));
    TRY(fill_inode(a, i, e, err));
    TRY(tree_add(a->o->tree, dir, name, i, &n, err));
    touch(a, n);
    return put_on_disk(a, n, err);
}

static void tell_listed(Listed *l, const TarReader *tar, const TarEntry *e)
{
    uint64_t at, n = tar_reader_stored(tar, &at);

    listed_data(l, e->name, at, n);
}

int layer_apply(Reader *in, const ApplyOpts *o, Err *err)
{
    cleanup_with(tar_reader_free_at) TarReader *tar =
        tar_reader_new(o->listed ? listed_reader(o->listed, in) : in);
    cleanup_free char *block = NEW_N(char, IO_BLOCK);
    Apply a = {.o = o, .tar = tar, .block = block};
    TarEntry e;
    int rc;

    while ((rc = tar_reader_next(tar, &e, err)) > 0) {
        TRY(signal_check(err));
        if (o->listed)
            tell_listed(o->listed, tar, &e);
        rc = apply_entry(&a, &e, err);
        arena_done(&a.names);
        if (rc < 0)
            return err_wrap(err, "entry \"" STR_FMT "\"", STR_ARG(e.name));
    }
    return rc;
}

static int extract_entry(TarReader *tar, const TarEntry *e, int fd, char *block, Err *err)
{
    if (ftruncate(fd, (off_t)e->size) < 0)
        return err_sys(err, "truncate");
    return copy_runs(tar, block, put_on_fd, &fd, err);
}

int layer_extract(Reader *in, ExtractWant *want, void *ctx, Err *err)
{
    cleanup_with(tar_reader_free_at) TarReader *tar = tar_reader_new(in);
    cleanup_free char *block = NEW_N(char, IO_BLOCK);
    TarEntry e;
    int rc;

    while ((rc = tar_reader_next(tar, &e, err)) > 0) {
        int fd, wanted = e.type == TAR_FILE ? want(ctx, tar_reader_offset(tar), &fd, err) : 0;

        TRY(signal_check(err));
        TRY(wanted);
        if (wanted && extract_entry(tar, &e, fd, block, err) < 0)
            return err_wrap(err, "entry \"" STR_FMT "\"", STR_ARG(e.name));
    }
    return rc;
}
