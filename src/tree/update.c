/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the walk found becomes the tree's: first everything that is gone, so that a file's old name
 * does not stand in the way of a directory's new one, then everything that is there, each directory
 * before what is in it.
 */
#include "base/map.h"
#include "tree/note.h"

typedef struct Update {
    Tree *t;
    const ScanOpts *o;
    Map by_ino;   /* new inodes with several links */
    Str dir_path; /* the last parent; the notes of one directory come one behind the other */
    Node *dir;    /* NULL: not looked up yet */
    NodeVec touched;
} Update;

/* Where owners on disk are not those in the tree, a file keeps the owner it had. */
static void set_owner(const Update *u, const Note *note, const Inode *old, Inode *i)
{
    bool ignore = u->o->ignore_owner;

    i->uid = !ignore ? note->uid : old ? old->uid : 0;
    i->gid = !ignore ? note->gid : old ? old->gid : 0;
}

static Inode *inode_from(Update *u, Note *note, const Inode *old)
{
    Inode *i = tree_inode_new(u->t, note->mode);

    set_owner(u, note, old, i);
    i->mtime_ns = note->mtime_ns;
    i->ino = note->ino;
    i->ctime_ns = note->ctime_ns;
    if (S_ISREG(i->mode))
        i->size = note->size;
    else if (S_ISLNK(i->mode))
        inode_set_target(u->t, i, str_from(note->target));
    else if (!S_ISDIR(i->mode))
        i->rdev = note->rdev;
    inode_set_xattrs(u->t, i, steal_ptr(&note->xattrs));
    return i;
}

static Inode *shared_inode(Update *u, Note *note, const Inode *old)
{
    Str key = {(const char *)&note->ino, sizeof(note->ino)};
    bool shared = !S_ISDIR(note->mode) && note->nlink > 1;
    Inode *i = shared ? map_find(&u->by_ino, key) : NULL;

    if (i)
        return i;
    i = inode_from(u, note, old);
    if (shared)
        (void)map_set(&u->by_ino, key, i);
    return i;
}

/*
 * A directory's time is a change of its own when somebody has set it (touch, tar, cp -p): mtime and
 * ctime then differ. Entries that came and went move both together, and that is no change. Where
 * mounts of the container lie below, not only the command sets it.
 */
static bool time_was_set(const Note *note, const Inode *i)
{
    return i->mtime_ns != note->mtime_ns && note->mtime_ns != note->ctime_ns &&
           !note->above_foreign;
}

/* A directory that is still a directory keeps its node, its inode and its children. */
static void update_dir(Update *u, Note *note, Node *n)
{
    Inode *i = n->inode, old = *i;

    if (time_was_set(note, i))
        vec_push(&u->touched, n);
    set_owner(u, note, &old, i);
    i->mode = note->mode;
    i->mtime_ns = note->mtime_ns;
    i->ino = note->ino;
    i->ctime_ns = note->ctime_ns;
    if (i->mode != old.mode || i->uid != old.uid || i->gid != old.gid ||
        !xattrs_equal(i->xattrs, note->xattrs) || (n->flags & NODE_ABSENT))
        tree_mark_dirty(n);
    inode_set_xattrs(u->t, i, steal_ptr(&note->xattrs));
    n->flags &= (uint8_t)~NODE_ABSENT;
}

static int find_dir(Update *u, Str path, Err *err)
{
    if (!u->dir || !str_eq(u->dir_path, path))
        TRY(tree_at(u->t, path, &u->dir, err));
    u->dir_path = path;
    if (!u->dir)
        return err_set(err, ERR_SYS, "/" STR_FMT " went away while it was looked at",
                       STR_ARG(path));
    return 0;
}

static int update_entry(Update *u, Note *note, Err *err)
{
    Str path = str_from(note->path), head = S(""), name = path;
    bool is_dir = S_ISDIR(note->mode);
    Node *n;

    (void)str_cut_last(path, '/', &head, &name);
    TRY(find_dir(u, head, err));
    tree_note_ctime(u->t, note->ctime_ns);
    n = tree_child(u->t, u->dir, name);
    if (n && node_is_dir(n) && is_dir) {
        update_dir(u, note, n);
        return 0;
    }
    if (n && (node_is_dir(n) || is_dir)) {
        tree_remove(u->t, n);
        n = NULL;
    }
    if (n) {
        node_set_inode(n, shared_inode(u, note, n->inode));
        n->flags &= (uint8_t)~NODE_ABSENT;
    } else {
        TRY(tree_add(u->t, u->dir, name, shared_inode(u, note, NULL), &n, err));
        n->flags |= NODE_NEW;
    }
    tree_mark_dirty(n);
    return 0;
}

/*
 * Component by component, so that what lies below a directory comes right behind it ("a", "a/b",
 * "a-c").
 */
static int by_path(const void *pa, const void *pb)
{
    const unsigned char *a = (const unsigned char *)((const Note *)pa)->path;
    const unsigned char *b = (const unsigned char *)((const Note *)pb)->path;

    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (*a == '/' ? 1 : *a ? *a + 1 : 0) - (*b == '/' ? 1 : *b ? *b + 1 : 0);
}

/* A stub counts only when something that is the image's lies below it. The notes are sorted. */
static bool stub_is_used(const Findings *f, const Note *stub)
{
    for (const Note *n = stub + 1; n < f->notes.v + f->notes.n; n++) {
        if (!path_within(str_from(n->path), str_from(stub->path)))
            return false;
        if (!n->stub)
            return true;
    }
    return false;
}

static void remove_gone(Tree *t, const NodeVec *gone)
{
    vec_foreach(n, gone) {
        if ((*n)->flags & NODE_REMOVED)
            continue;
        tree_mark_deleted(t, (*n)->parent, node_name(*n));
        tree_remove(t, *n);
    }
}

/* Where something below changed, the directory is in the layer anyway. */
static void mark_touched(const NodeVec *dirs)
{
    vec_foreach(n, dirs)
        if (!((*n)->flags & (NODE_DIRTY_BELOW | NODE_REMOVED)))
            tree_mark_dirty(*n);
}

int scan_update(Tree *t, const ScanOpts *o, Findings *f, Err *err)
{
    Update u = {.t = t, .o = o};
    int rc = 0;

    if (f->notes.n > 1)
        qsort(f->notes.v, f->notes.n, sizeof(*f->notes.v), by_path);
    remove_gone(t, &f->gone);
    for (size_t i = 0; rc == 0 && i < f->notes.n; i++)
        if (!f->notes.v[i].stub || stub_is_used(f, &f->notes.v[i]))
            rc = update_entry(&u, &f->notes.v[i], err);
    mark_touched(&u.touched);
    vec_done(&u.touched);
    map_done(&u.by_ino);
    return rc;
}
