/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differences between copying a directory and laying out an archive's members: a member of type directory over something that is
 * none replaces it, unless that is a symlink to a directory (merged /usr: /lib -> usr/lib), which is kept and followed; and
 * a directory that only leads to a member, without an entry of its own, changes nothing about one that exists.
 */
#include "build/copy.h"

#include "base/map.h"
#include "dockerfile/ignore.h"

/* --- sources --- */

static int match_below(Tree *t, Arena *a, Node *dir, Str prefix, Str rest, CopyMatchVec *ret,
                       Err *err);

static int add_match(Tree *t, Str path, CopyMatchVec *ret, Err *err)
{
    CopyMatch m = {NULL, path_base(path)};

    TRY(tree_lookup(t, path, true, &m.node, err));
    if (m.node)
        vec_push(ret, m);
    return 0;
}

static bool nothing_left(Str rest)
{
    Str c;

    return !path_next(&rest, &c);
}

static int match_child(Tree *t, Arena *a, Node *n, Str prefix, Str rest, CopyMatchVec *ret,
                       Err *err)
{
    Str path = prefix.n ? str_fmt_in(a, STR_FMT "/" STR_FMT, STR_ARG(prefix), STR_ARG(node_name(n)))
                        : str_dup_in(a, node_name(n));

    if (nothing_left(rest))
        return add_match(t, path, ret, err);
    return node_is_dir(n) ? match_below(t, a, n, path, rest, ret, err) : 0;
}

static int match_below(Tree *t, Arena *a, Node *dir, Str prefix, Str rest, CopyMatchVec *ret,
                       Err *err)
{
    NodeVec children = {0};
    Str pattern;
    int rc;

    if (!path_next(&rest, &pattern))
        return 0;
    rc = tree_list(t, dir, &children, err);
    for (size_t i = 0; rc == 0 && i < children.n; i++)
        if (glob_match(pattern, node_name(children.v[i])))
            rc = match_child(t, a, children.v[i], prefix, rest, ret, err);
    vec_done(&children);
    return rc;
}

int copy_match(Tree *t, Arena *a, Str source, CopyMatchVec *ret, Err *err)
{
    Str path = path_rooted(a, source), rest = path, c, canonical;
    size_t before = ret->n, fixed = 0;
    Node *dir;

    if (!glob_has_wildcard(path)) {
        TRY(add_match(t, path, ret, err));
        if (ret->n == before)
            return err_set(err, ERR_NOT_FOUND, "\"/" STR_FMT "\": not found", STR_ARG(path));
        return 0;
    }
    /* The components before the first wildcard are looked up, not searched. */
    while (path_next(&rest, &c) && !glob_has_wildcard(c))
        fixed = (size_t)(c.p + c.n - path.p);
    TRY(tree_canonical(t, a, str_head(path, fixed), true, &canonical, err));
    TRY(tree_at(t, canonical, &dir, err));
    if (!dir || !node_is_dir(dir))
        return 0;
    return match_below(t, a, dir, canonical, str_skip(path, fixed), ret, err);
}

/* --- one file --- */

static int64_t newest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void set_metadata(const CopyJob *job, const Node *from, Inode *to)
{
    const Inode *i = from->inode;
    bool is_dir = S_ISDIR(i->mode);
    uint32_t mode = i->mode & 07777;

    if (job->chmod && !S_ISLNK(i->mode) && !job->archive)
        mode = chmod_apply(job->chmod, mode, is_dir);
    to->mode = (i->mode & S_IFMT) | mode;
    to->uid = job->has_chown ? job->uid : job->keep_owner ? i->uid : 0;
    to->gid = job->has_chown ? job->gid : job->keep_owner ? i->gid : 0;
    to->mtime_ns = i->mtime_ns;
    inode_set_xattrs(job->stage->fs->tree, to,
                     i->xattrs ? xattrs_new(i->xattrs->v, i->xattrs->n) : NULL);
    job->stage->content_ns = newest(job->stage->content_ns, i->mtime_ns);
}

/* The copy of an inode; files that are links of one another in the source become links of one another. */
static Inode *copy_inode(const CopyJob *job, Node *from, Map *links)
{
    const Inode *i = from->inode;
    Str key = {(const char *)&i, sizeof(i)};
    Tree *t = job->stage->fs->tree;
    Inode *to = i->nlink > 1 ? map_find(links, key) : NULL;

    if (to)
        return to;
    to = tree_inode_new(t, i->mode);
    set_metadata(job, from, to);
    if (S_ISREG(i->mode)) {
        to->size = i->size;
        to->content = (Content){.source = from, .layer = job->source};
        vec_push(job->files, from);
    } else if (S_ISLNK(i->mode)) {
        inode_set_target(t, to, str_from(i->target));
    } else {
        to->rdev = i->rdev;
    }
    if (i->nlink > 1)
        (void)map_set(links, key, to);
    return to;
}

static int set_name(Tree *t, Node *dir, Str name, Inode *i, Err *err)
{
    Node *n = tree_child(t, dir, name);

    if (n) {
        node_set_inode(n, i);
    } else {
        TRY(tree_add(t, dir, name, i, &n, err));
        n->flags |= NODE_NEW;
    }
    tree_mark_dirty(n);
    return 0;
}

static int copy_leaf(const CopyJob *job, Node *from, Node *dir, Str name, Map *links, Err *err)
{
    Tree *t = job->stage->fs->tree;
    Node *n = tree_child(t, dir, name);

    if (n && node_is_dir(n)) {
        if (!job->archive) {
            Str path = node_path(n, &job->stage->arena);

            return err_set(err, ERR_USAGE, "cannot replace to directory /" STR_FMT " with file",
                           STR_ARG(path));
        }
        tree_remove(t, n);
    }
    return set_name(t, dir, name, copy_inode(job, from, links), err);
}

/* --- directories --- */

static int copy_children(const CopyJob *job, Node *from, Node *to, Map *links, Err *err);

/* The directory that a member's directory is laid over; NULL when a new one is to be made. */
static int existing_dir(const CopyJob *job, Node *dir, Str name, Node **ret, Err *err)
{
    Tree *t = job->stage->fs->tree;
    Node *n = tree_child(t, dir, name), *target = NULL;
    Str path;

    *ret = n;
    if (!n || node_is_dir(n))
        return 0;
    path = node_path(n, &job->stage->arena);
    if (!job->archive)
        return err_set(err, ERR_USAGE, "cannot copy to non-directory: /" STR_FMT, STR_ARG(path));
    if (S_ISLNK(n->inode->mode))
        TRY(tree_lookup(t, path, true, &target, err));
    if (target && node_is_dir(target)) {
        *ret = target;
    } else {
        tree_remove(t, n);
        *ret = NULL;
    }
    return 0;
}

static int copy_dir(const CopyJob *job, Node *from, Node *dir, Str name, Map *links, Err *err)
{
    Tree *t = job->stage->fs->tree;
    bool described = !job->archive || from->layer;
    Node *to;

    TRY(existing_dir(job, dir, name, &to, err));
    if (!to) {
        Inode *i = tree_inode_new(t, S_IFDIR | 0755);

        TRY(tree_add(t, dir, name, i, &to, err));
        to->flags |= NODE_NEW;
        set_metadata(job, from, i);
        tree_mark_dirty(to);
    } else if (described) {
        set_metadata(job, from, to->inode);
        tree_mark_dirty(to);
    }
    return copy_children(job, from, to, links, err);
}

static int copy_children(const CopyJob *job, Node *from, Node *to, Map *links, Err *err)
{
    NodeVec children = {0};
    int rc = tree_list(job->from, from, &children, err);

    for (size_t i = 0; rc == 0 && i < children.n; i++) {
        Node *n = children.v[i];

        rc = node_is_dir(n) ? copy_dir(job, n, to, node_name(n), links, err)
                            : copy_leaf(job, n, to, node_name(n), links, err);
    }
    vec_done(&children);
    return rc;
}

/* --- destinations --- */

/* Directories made on the way take the time of what is put into them: the same inputs, the same layer. */
static int make_dirs(const CopyJob *job, Str canonical, int64_t mtime_ns, Node **ret, Err *err)
{
    const BuildRequest *req = job->stage->b->req;
    NewDir as = {
        .mode = job->new_dir_mode,
        .uid = job->has_chown ? job->uid : 0,
        .gid = job->has_chown ? job->gid : 0,
        .mtime_ns = req->has_epoch ? req->epoch_ns : mtime_ns,
    };

    return stage_make_dirs(job->stage, canonical, &as, ret, err);
}

static bool into_directory(Str dest)
{
    return dest.n == 0 || str_ends(dest, S("/")) || str_ends(dest, S("/.")) || str_eq(dest, S("."));
}

static int copy_dir_to(const CopyJob *job, const CopyMatch *m, Str at, Node *existing, Err *err)
{
    cleanup_map Map links = {0};
    Node *dir = existing;

    if (existing && !node_is_dir(existing))
        return err_set(err, ERR_USAGE, "cannot copy to non-directory: /" STR_FMT, STR_ARG(at));
    if (!existing)
        TRY(make_dirs(job, at, m->node->inode->mtime_ns, &dir, err));
    return copy_children(job, m->node, dir, &links, err);
}

int copy_one(const CopyJob *job, const CopyMatch *m, Str dest, Err *err)
{
    Tree *t = job->stage->fs->tree;
    Arena *a = &job->stage->arena;
    cleanup_map Map links = {0};
    Node *existing, *dir;
    Str at;

    TRY(tree_canonical(t, a, dest, true, &at, err));
    if (into_directory(dest))
        TRY(make_dirs(job, at, m->node->inode->mtime_ns, &dir, err));
    TRY(tree_at(t, at, &existing, err));
    if (node_is_dir(m->node))
        return copy_dir_to(job, m, at, existing, err);
    if (existing && node_is_dir(existing))
        at = at.n ? str_fmt_in(a, STR_FMT "/" STR_FMT, STR_ARG(at), STR_ARG(m->name)) : m->name;
    dir = tree_root(t);
    if (path_dir(at).n)
        TRY(make_dirs(job, path_dir(at), m->node->inode->mtime_ns, &dir, err));
    return copy_leaf(job, m->node, dir, path_base(at), &links, err);
}

int copy_tree_into(const CopyJob *job, int64_t mtime_ns, Str dest, Err *err)
{
    cleanup_map Map links = {0};
    Node *root = tree_root(job->from), *dir;
    Str at;

    TRY(tree_canonical(job->stage->fs->tree, &job->stage->arena, dest, true, &at, err));
    TRY(make_dirs(job, at, mtime_ns, &dir, err));
    return copy_children(job, root, dir, &links, err);
}

/* --- opening what was copied --- */

static int open_source(FileSource *self, const Node *n, int *ret_fd, Err *err)
{
    CopyFiles *f = (CopyFiles *)self;
    const Content *c = &n->inode->content;
    FileSource *from = f->from.v[c->layer];

    return from->open(from, c->source, ret_fd, err);
}

void copy_files_init(CopyFiles *f)
{
    *f = (CopyFiles){.s = {open_source}};
}

void copy_files_done(CopyFiles *f)
{
    vec_done(&f->from);
}
