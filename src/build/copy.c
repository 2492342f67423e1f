/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differences between copying a directory and laying out an archive's members: a member of type
 * directory over something that is none replaces it, unless that is a symlink to a directory
 * (merged /usr: /lib -> usr/lib), which is kept and followed; and a directory that only leads to a
 * member, without an entry of its own, changes nothing about one that exists.
 */
#include "build/copy.h"

#include "base/map.h"
#include "build/ignored.h"

/* --- sources --- */

static int match_below(Tree *t, Arena *a, Node *dir, Str prefix, Str rest, CopyMatchVec *ret,
                       Err *err);

static int add_match(Tree *t, Str path, CopyMatchVec *ret, Err *err)
{
    CopyMatch m = {NULL, path_base(path), path};

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

/*
 * The copy of an inode; files that are links of one another in the source become links of one
 * another.
 */
static Inode *copy_inode(const CopyJob *job, Node *from, Map *links)
{
    const Inode *i = from->inode;
    Str key = {(const char *)&i, sizeof(i)};
    Tree *t = job->stage->fs->tree;
    /* What is read on demand does not know all names of a file yet, but that it has several. */
    bool shared = i->nlink > 1 || (i->ino && !i->ctime_ns);
    Inode *to = shared ? map_find(links, key) : NULL;

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
    if (shared)
        (void)map_set(links, key, to);
    return to;
}

/* --ignore-path: nothing is put there. */
static bool is_ignored(const CopyJob *job, const Node *dir, Str name)
{
    const StrVec *patterns = &job->stage->b->req->ignored_paths;

    if (patterns->n == 0)
        return false;
    return ignored_holds(patterns,
                         path_join(&job->stage->arena, node_path(dir, &job->stage->arena), name));
}

/* The same of a whole destination, which is worth a word. */
static bool is_ignored_dest(const CopyJob *job, Str at)
{
    const Builder *b = job->stage->b;

    if (!ignored_holds(&b->req->ignored_paths, at))
        return false;
    builder_note(b, "nothing is copied to /" STR_FMT ": --ignore-path", STR_ARG(at));
    return true;
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

    if (is_ignored(job, dir, name))
        return 0;
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

static int copy_children(const CopyJob *job, Node *from, Node *to, Str rel, Map *links, Err *err);

/* Is anything below an excluded directory brought back by an exception? */
static int any_kept(const CopyJob *job, Node *dir, Str rel, bool *ret, Err *err)
{
    NodeVec children = {0};
    int rc = 0;

    *ret = false;
    if (!ignore_may_reinclude(job->exclude, rel))
        return 0;
    rc = tree_list(job->from, dir, &children, err);
    for (size_t i = 0; rc == 0 && !*ret && i < children.n; i++) {
        Node *n = children.v[i];
        Str path = str_fmt_in(&job->stage->arena, STR_FMT "/" STR_FMT, STR_ARG(rel),
                              STR_ARG(node_name(n)));

        if (!ignore_excludes(job->exclude, path))
            *ret = true;
        else if (node_is_dir(n))
            rc = any_kept(job, n, path, ret, err);
    }
    vec_done(&children);
    return rc;
}

int copy_is_kept(const CopyJob *job, Node *n, Str rel, bool *ret, Err *err)
{
    *ret = !ignore_excludes(job->exclude, rel);
    return *ret || !node_is_dir(n) ? 0 : any_kept(job, n, rel, ret, err);
}

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

static int copy_dir(const CopyJob *job, Node *from, Node *dir, Str name, Str rel, Map *links,
                    Err *err)
{
    Tree *t = job->stage->fs->tree;
    bool described = !job->archive || from->layer;
    Node *to;

    if (is_ignored(job, dir, name))
        return 0;
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
    return copy_children(job, from, to, rel, links, err);
}

static int copy_child(const CopyJob *job, Node *n, Node *to, Str rel, Map *links, Err *err)
{
    Str path = {0};
    bool kept = true;

    if (job->exclude) {
        path = rel.n ? str_fmt_in(&job->stage->arena, STR_FMT "/" STR_FMT, STR_ARG(rel),
                                  STR_ARG(node_name(n)))
                     : node_name(n);
        TRY(copy_is_kept(job, n, path, &kept, err));
    }
    if (!kept)
        return 0;
    return node_is_dir(n) ? copy_dir(job, n, to, node_name(n), path, links, err)
                          : copy_leaf(job, n, to, node_name(n), links, err);
}

/* 'rel': the path of 'from' below the source, for --exclude. */
static int copy_children(const CopyJob *job, Node *from, Node *to, Str rel, Map *links, Err *err)
{
    NodeVec children = {0};
    int rc = tree_list(job->from, from, &children, err);

    for (size_t i = 0; rc == 0 && i < children.n; i++)
        rc = copy_child(job, children.v[i], to, rel, links, err);
    vec_done(&children);
    return rc;
}

/* --- destinations --- */

/*
 * --link: the copy was made in an empty root, so the directories that lead to it are its own: they
 * cover links and files, and give their mode and owner to directories that exist.
 */
static int lay_dirs(const CopyJob *job, Str canonical, const NewDir *as, Err *err)
{
    Tree *t = job->stage->fs->tree;
    Node *n = tree_root(t);
    Str rest = canonical, c;

    (void)err;
    while (path_next(&rest, &c)) {
        n = tree_child(t, n, c);
        if (!n)
            return 0;
        if (!node_is_dir(n)) {
            tree_remove(t, n);
            return 0;
        }
        n->inode->mode = S_IFDIR | as->mode;
        n->inode->uid = as->uid;
        n->inode->gid = as->gid;
        n->inode->mtime_ns = as->mtime_ns;
        tree_mark_dirty(n);
    }
    return 0;
}

/*
 * Directories made on the way take the time of what is put into them: the same inputs, the same
 * layer.
 */
static int make_dirs(const CopyJob *job, Str canonical, int64_t mtime_ns, Node **ret, Err *err)
{
    const BuildRequest *req = job->stage->b->req;
    NewDir as = {
        .mode = job->new_dir_mode,
        .uid = job->has_chown ? job->uid : 0,
        .gid = job->has_chown ? job->gid : 0,
        .mtime_ns = req->has_epoch ? req->epoch_ns : mtime_ns,
    };

    if (job->link)
        TRY(lay_dirs(job, canonical, &as, err));
    return stage_make_dirs(job->stage, canonical, &as, ret, err);
}

static bool into_directory(Str dest)
{
    return dest.n == 0 || str_ends(dest, S("/")) || str_ends(dest, S("/.")) || str_eq(dest, S("."));
}

/* Where 'dest' is: with --link as it is written, else with the image's symlinks followed. */
static int find_place(const CopyJob *job, Str dest, Str *ret, Err *err)
{
    Arena *a = &job->stage->arena;

    if (!job->link)
        return tree_canonical(job->stage->fs->tree, a, dest, true, ret, err);
    *ret = path_rooted(a, dest);
    return 0;
}

static int copy_dir_to(const CopyJob *job, const CopyMatch *m, Str at, Node *existing, Err *err)
{
    cleanup_map Map links = {0};
    Node *dir = existing;

    if (existing && !node_is_dir(existing) && !job->link)
        return err_set(err, ERR_USAGE, "cannot copy to non-directory: /" STR_FMT, STR_ARG(at));
    if (!existing || job->link)
        TRY(make_dirs(job, at, m->node->inode->mtime_ns, &dir, err));
    return copy_children(job, m->node, dir, S(""), &links, err);
}

int copy_one(const CopyJob *job, const CopyMatch *m, Str dest, Err *err)
{
    Tree *t = job->stage->fs->tree;
    Arena *a = &job->stage->arena;
    cleanup_map Map links = {0};
    Node *existing, *dir;
    Str at;

    TRY(find_place(job, dest, &at, err));
    if (is_ignored_dest(job, at))
        return 0;
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
    if (is_ignored_dest(job, at))
        return 0;
    TRY(make_dirs(job, at, mtime_ns, &dir, err));
    return copy_children(job, root, dir, S(""), &links, err);
}

/* --- opening what was copied --- */

static int open_source(FileSource *self, const Node *n, OpenFile *ret, Err *err)
{
    CopyFiles *f = (CopyFiles *)self;
    const Content *c = &n->inode->content;
    FileSource *from = f->from.v[c->layer];

    return from->open(from, c->source, ret, err);
}

void copy_files_init(CopyFiles *f)
{
    *f = (CopyFiles){.s = {open_source}};
}

void copy_files_done(CopyFiles *f)
{
    vec_done(&f->from);
}

/* --- COPY --parents --- */

/* Walks everything that could match; a match is not searched further: it is copied whole. */
static int match_anywhere(Tree *t, Arena *a, const Ignore *pattern, Node *dir, Str rel,
                          CopyMatchVec *ret, Err *err)
{
    NodeVec children = {0};
    int rc = tree_list(t, dir, &children, err);

    for (size_t i = 0; rc == 0 && i < children.n; i++) {
        Node *n = children.v[i];
        Str path = rel.n ? str_fmt_in(a, STR_FMT "/" STR_FMT, STR_ARG(rel), STR_ARG(node_name(n)))
                         : str_dup_in(a, node_name(n));

        if (ignore_excludes(pattern, path))
            rc = add_match(t, path, ret, err);
        else if (node_is_dir(n))
            rc = match_anywhere(t, a, pattern, n, path, ret, err);
    }
    vec_done(&children);
    return rc;
}

/* The length of the path before "/./", and the path without it. */
static Str cut_pivot(Arena *a, Str source, size_t *ret_cut)
{
    const char *pivot;

    while (str_starts(source, S("./")))
        source = str_skip(source, 2);
    pivot = source.n ? memmem(source.p, source.n, "/./", 3) : NULL;
    if (pivot)
        *ret_cut = path_rooted(a, str_head(source, (size_t)(pivot - source.p))).n;
    return path_rooted(a, source);
}

int copy_match_parents(Tree *t, Arena *a, Str source, CopyMatchVec *ret, size_t *ret_cut, Err *err)
{
    cleanup_with(ignore_free_at) Ignore *pattern = NULL;
    Str path;

    *ret_cut = 0;
    path = cut_pivot(a, source, ret_cut);
    if (!glob_has_wildcard(path))
        return copy_match(t, a, path, ret, err);
    TRY(ignore_from_patterns(&path, 1, &pattern, err));
    return match_anywhere(t, a, pattern, tree_root(t), S(""), ret, err);
}

/*
 * The directories of m->path after the cut, made below 'at' with the mode and owner they have in
 * the source.
 */
/* *dir NULL: --ignore-path holds one of them. */
static int copy_leading_dirs(const CopyJob *job, const CopyMatch *m, size_t cut, Node **dir,
                             Err *err)
{
    Tree *t = job->stage->fs->tree;
    Str rest = str_skip(m->path, cut), c;

    while (path_next(&rest, &c)) {
        Str so_far = str_head(m->path, (size_t)(c.p + c.n - m->path.p));
        Node *from, *n;

        if (rest.n == 0 && !node_is_dir(m->node))
            return 0;
        if (is_ignored(job, *dir, c)) {
            *dir = NULL;
            return 0;
        }
        TRY(tree_lookup(job->from, so_far, true, &from, err));
        TRY(existing_dir(job, *dir, c, &n, err));
        if (!n) {
            TRY(tree_add(t, *dir, c, tree_inode_new(t, S_IFDIR | 0755), &n, err));
            n->flags |= NODE_NEW;
            if (from)
                set_metadata(job, from, n->inode);
            tree_mark_dirty(n);
        }
        *dir = n;
    }
    return 0;
}

int copy_with_parents(const CopyJob *job, const CopyMatch *m, size_t cut, Str dest, Err *err)
{
    cleanup_map Map links = {0};
    Node *dir;
    Str at;

    TRY(find_place(job, dest, &at, err));
    if (is_ignored_dest(job, at))
        return 0;
    TRY(make_dirs(job, at, m->node->inode->mtime_ns, &dir, err));
    TRY(copy_leading_dirs(job, m, cut, &dir, err));
    if (!dir)
        return 0;
    if (node_is_dir(m->node))
        return copy_children(job, m->node, dir, S(""), &links, err);
    return copy_leaf(job, m->node, dir, m->name, &links, err);
}
