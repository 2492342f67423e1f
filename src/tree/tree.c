/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are found through one hash table keyed by (directory, name) and listed through a sibling
 * chain, so a directory of a million names costs as much per name as one of ten. Memory comes from
 * an arena and is never given back before the tree dies: builds add far more than they remove.
 */
#include "tree/tree.h"

#include <errno.h>
#include <sys/random.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/limits.h"
#include "base/map.h"

struct Tree {
    Arena arena;
    Node *root;
    Node **slots;   /* heads of the hash chains */
    size_t n_slots; /* a power of two */
    size_t n_nodes;
    uint64_t seed; /* so that an image cannot choose names that collide */
    TreeLoader *loader;
    int64_t newest_ctime_ns;
    VEC(Deletion) deletions;
    VEC(Inode *) with_xattrs; /* whose xattrs are to be freed */
};

static Node *node_alloc(Tree *t, Str name, Inode *i)
{
    Node *n = arena_alloc(&t->arena, 1, sizeof(Node) + name.n + 1);

    n->name_n = (uint8_t)name.n;
    memcpy(n->name, name.p, name.n);
    n->inode = i;
    i->nlink++;
    return n;
}

Tree *tree_new(void)
{
    Tree *t = NEW(Tree);

    if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) != (ssize_t)sizeof(t->seed))
        t->seed = (uint64_t)(uintptr_t)t * 0x9e3779b97f4a7c15u;
    t->n_slots = 256;
    t->slots = NEW_N(Node *, t->n_slots);
    t->root = node_alloc(t, S(""), tree_inode_new(t, S_IFDIR | 0755));
    t->n_nodes = 1;
    return t;
}

void tree_free(Tree *t)
{
    if (!t)
        return;
    vec_foreach(i, &t->with_xattrs) {
        xattrs_free((*i)->xattrs);
        (*i)->xattrs = NULL; /* an inode may be listed twice */
    }
    vec_done(&t->with_xattrs);
    vec_done(&t->deletions);
    free(t->slots);
    arena_done(&t->arena);
    free(t);
}

Node *tree_root(const Tree *t)
{
    return t->root;
}

size_t tree_count(const Tree *t)
{
    return t->n_nodes;
}

void node_path_to(const Node *n, Buf *out)
{
    size_t total = 0;
    char *at;

    buf_truncate(out, 0);
    for (const Node *up = n; up->parent; up = up->parent)
        total += up->name_n + (size_t)(total > 0);
    at = buf_extend(out, total);
    if (!at)
        return;
    at += total;
    for (const Node *up = n; up->parent; up = up->parent) {
        at -= up->name_n;
        memcpy(at, up->name, up->name_n);
        if (up->parent->parent)
            *--at = '/';
    }
}

Str node_path(const Node *n, Arena *a)
{
    cleanup_buf Buf b = BUF_INIT(BUF_SMALL);

    node_path_to(n, &b);
    return str_dup_in(a, buf_str(&b));
}

/* --- making --- */

Inode *tree_inode_new(Tree *t, uint32_t mode)
{
    Inode *i = arena_new(&t->arena, Inode);

    i->mode = mode;
    return i;
}

void inode_set_target(Tree *t, Inode *i, Str target)
{
    i->target = str_dup_in(&t->arena, target).p;
}

void inode_set_xattrs(Tree *t, Inode *i, Xattrs *taken)
{
    if (taken && !i->xattrs)
        vec_push(&t->with_xattrs, i); /* few have any: a list is cheaper than a walk */
    xattrs_free(i->xattrs);
    i->xattrs = taken;
}

static uint32_t name_hash(const Tree *t, const Node *dir, Str name)
{
    return (uint32_t)XXH3_64bits_withSeed(name.p, name.n, t->seed ^ (uint64_t)(uintptr_t)dir);
}

static void rehash(Tree *t)
{
    size_t n_old = t->n_slots;
    Node **old = t->slots;

    t->n_slots *= 2;
    t->slots = NEW_N(Node *, t->n_slots);
    for (size_t i = 0; i < n_old; i++) {
        for (Node *n = old[i], *next; n; n = next) {
            Node **slot = &t->slots[n->hash & (t->n_slots - 1)];

            next = n->chain;
            n->chain = *slot;
            *slot = n;
        }
    }
    free(old);
}

/*
 * Whatever the name came from: what is in the tree can be made on a disk below the root, and
 * nowhere else.
 */
static int check_name(Str name, Err *err)
{
    if (name.n > LIMIT_NAME)
        return err_set(err, ERR_LIMIT, "the name \"%.64s...\" has %zu bytes; the most is %u",
                       name.p, name.n, LIMIT_NAME);
    if (name.n == 0 || str_eq(name, S(".")) || str_eq(name, S("..")) ||
        memchr(name.p, '/', name.n) || memchr(name.p, '\0', name.n))
        return err_set(err, ERR_FORMAT, "\"" STR_FMT "\" is not the name of a file", STR_ARG(name));
    return 0;
}

static Node *insert(Tree *t, Node *dir, Str name, Inode *i)
{
    Node **slot, *n;

    if (t->n_nodes >= t->n_slots)
        rehash(t);
    n = node_alloc(t, name, i);
    n->hash = name_hash(t, dir, name);
    slot = &t->slots[n->hash & (t->n_slots - 1)];
    n->chain = *slot;
    *slot = n;
    n->parent = dir;
    n->next = dir->inode->children;
    if (n->next)
        n->next->prev = n;
    dir->inode->children = n;
    t->n_nodes++;
    return n;
}

int tree_add(Tree *t, Node *dir, Str name, Inode *i, Node **ret, Err *err)
{
    Node *n;

    TRY(check_name(name, err));
    if (t->n_nodes >= LIMIT_TREE_NODES)
        return err_set(err, ERR_LIMIT, "more than %u files in one root file system",
                       LIMIT_TREE_NODES);
    n = insert(t, dir, name, i);
    if (ret)
        *ret = n;
    return 0;
}

static void unhash(Tree *t, Node *n)
{
    Node **at = &t->slots[n->hash & (t->n_slots - 1)];

    while (*at != n)
        at = &(*at)->chain;
    *at = n->chain;
}

static void drop_node(Tree *t, Node *n)
{
    unhash(t, n);
    n->flags |= NODE_REMOVED;
    n->inode->nlink--;
    t->n_nodes--;
}

void tree_remove(Tree *t, Node *n)
{
    Node *dir = n->parent;

    /* Depth first without recursion: names come from outside and may nest without end. */
    for (Node *at = n;;) {
        Node *child = node_is_dir(at) ? at->inode->children : NULL;

        if (child) {
            at = child;
            continue;
        }
        if (at == n)
            break;
        at->parent->inode->children = at->next;
        drop_node(t, at);
        at = at->next ? at->next : at->parent;
    }
    if (n->prev)
        n->prev->next = n->next;
    else
        dir->inode->children = n->next;
    if (n->next)
        n->next->prev = n->prev;
    drop_node(t, n);
}

void node_set_inode(Node *n, Inode *i)
{
    i->nlink++;
    n->inode->nlink--;
    n->inode = i;
}

/* --- copying --- */

/* New inodes of those that several names share, by the old one's address. */
typedef Map LinkMap;

static void clone_metadata(Tree *t, Inode *to, const Inode *from)
{
    to->mode = from->mode;
    to->mtime_ns = from->mtime_ns;
    to->uid = from->uid;
    to->gid = from->gid;
    if (from->xattrs)
        inode_set_xattrs(t, to, xattrs_new(from->xattrs->v, from->xattrs->n));
}

static Inode *clone_inode(Tree *t, const Inode *from, LinkMap *links)
{
    Str key = {(const char *)&from, sizeof(from)};
    bool shared = !S_ISDIR(from->mode) && from->nlink > 1;
    Inode *i = shared ? map_find(links, key) : NULL;

    if (i)
        return i;
    i = tree_inode_new(t, from->mode);
    clone_metadata(t, i, from);
    i->size = from->size;
    if (S_ISLNK(from->mode))
        inode_set_target(t, i, str_from(from->target));
    else if (S_ISREG(from->mode))
        i->content = from->content;
    else if (!S_ISDIR(from->mode))
        i->rdev = from->rdev;
    if (shared)
        (void)map_set(links, key, i);
    return i;
}

static Node *clone_node(Tree *t, Node *dir, const Node *from, LinkMap *links)
{
    Node *n = insert(t, dir, node_name(from), clone_inode(t, from->inode, links));

    n->layer = from->layer;
    return n;
}

Tree *tree_clone(const Tree *from)
{
    return tree_clone_below(from->root);
}

Tree *tree_clone_below(const Node *from)
{
    Tree *t = tree_new();
    cleanup_map LinkMap links = {0};
    struct {
        VEC(Node *) ours;
        VEC(const Node *) theirs; /* directories to be copied */
    } todo = {0};

    clone_metadata(t, t->root->inode, from->inode);
    t->root->layer = from->layer;
    vec_push(&todo.ours, t->root);
    vec_push(&todo.theirs, from);
    while (todo.ours.n) {
        Node *to = todo.ours.v[--todo.ours.n];
        const Node *dir = todo.theirs.v[--todo.theirs.n];

        for (Node *n = dir->inode->children; n; n = n->next) {
            Node *copy = clone_node(t, to, n, &links);

            if (!node_is_dir(n))
                continue;
            vec_push(&todo.ours, copy);
            vec_push(&todo.theirs, n);
        }
    }
    vec_done(&todo.ours);
    vec_done(&todo.theirs);
    return t;
}

/* --- looking up --- */

Node *tree_child(const Tree *t, const Node *dir, Str name)
{
    uint32_t hash = name_hash(t, dir, name);

    for (Node *n = t->slots[hash & (t->n_slots - 1)]; n; n = n->chain)
        if (n->hash == hash && n->parent == dir && str_eq(node_name(n), name))
            return n;
    return NULL;
}

int tree_at(Tree *t, Str canonical, Node **ret, Err *err)
{
    Node *n = t->root;
    Str rest = canonical, c;

    while (n && path_next(&rest, &c)) {
        if (!node_is_dir(n)) {
            n = NULL;
            break;
        }
        TRY(tree_read_dir(t, n, err));
        n = tree_child(t, n, c);
    }
    *ret = n;
    return 0;
}

/*
 * The walk of tree_canonical(): 'dir' is the deepest existing directory reached; below it,
 * 'missing' holds the components that do not exist (yet).
 */
typedef struct Resolver {
    Tree *t;
    Arena *a;
    Node *dir;
    StrVec missing;
    Str rest;
    unsigned hops;
} Resolver;

static void step_up(Resolver *r)
{
    if (r->missing.n)
        r->missing.n--;
    else if (r->dir->parent)
        r->dir = r->dir->parent;
}

static int follow(Resolver *r, const Node *link, Str whole, Err *err)
{
    Str target = str_from(link->inode->target);

    if (++r->hops > LIMIT_SYMLINK_HOPS) {
        errno = ELOOP;
        return err_sys(err, STR_FMT, STR_ARG(whole));
    }
    if (target.n && target.p[0] == '/')
        r->dir = r->t->root;
    r->rest = str_fmt_in(r->a, STR_FMT "/" STR_FMT, STR_ARG(target), STR_ARG(r->rest));
    return 0;
}

static bool only_slashes(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '/')
            return false;
    return true;
}

static int step_down(Resolver *r, Str c, Str whole, bool follow_last, Err *err)
{
    Node *n;
    bool last;

    if (r->missing.n) {
        vec_push(&r->missing, c);
        return 0;
    }
    TRY(tree_read_dir(r->t, r->dir, err));
    n = tree_child(r->t, r->dir, c);
    if (n && node_is_dir(n)) {
        r->dir = n;
        return 0;
    }
    last = only_slashes(r->rest);
    if (n && S_ISLNK(n->inode->mode) && (!last || follow_last))
        return follow(r, n, whole, err);
    if (n && !last) {
        errno = ENOTDIR;
        return err_sys(err, STR_FMT, STR_ARG(whole));
    }
    vec_push(&r->missing, c);
    return 0;
}

static int join_result(const Resolver *r, Str *ret, Err *err)
{
    cleanup_buf Buf b = BUF_INIT(LIMIT_PATH);

    node_path_to(r->dir, &b);
    vec_foreach(c, &r->missing) {
        if (b.n)
            buf_add_char(&b, '/');
        buf_add(&b, *c);
    }
    TRY(buf_check(&b, "a path in the image", err));
    *ret = str_dup_in(r->a, buf_str(&b));
    return 0;
}

int tree_canonical(Tree *t, Arena *a, Str path, bool follow_last, Str *ret, Err *err)
{
    Resolver r = {.t = t, .a = a, .dir = t->root, .rest = path};
    int rc = 0;
    Str c;

    while (rc == 0 && path_next(&r.rest, &c)) {
        if (str_eq(c, S(".")))
            continue;
        if (str_eq(c, S("..")))
            step_up(&r);
        else
            rc = step_down(&r, c, path, follow_last, err);
    }
    if (rc == 0)
        rc = join_result(&r, ret, err);
    vec_done(&r.missing);
    return rc;
}

int tree_lookup(Tree *t, Str path, bool follow_last, Node **ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str canonical;

    TRY(tree_canonical(t, &a, path, follow_last, &canonical, err));
    return tree_at(t, canonical, ret, err);
}

static int by_name(const void *pa, const void *pb)
{
    const Node *a = *(Node *const *)pa, *b = *(Node *const *)pb;

    return str_cmp(node_name(a), node_name(b));
}

int tree_list(Tree *t, Node *dir, NodeVec *ret, Err *err)
{
    TRY(tree_read_dir(t, dir, err));
    for (Node *n = dir->inode->children; n; n = n->next)
        vec_push(ret, n);
    if (ret->n > 1)
        qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
    return 0;
}

/* --- reading directories on demand --- */

void tree_set_loader(Tree *t, TreeLoader *borrowed)
{
    t->loader = borrowed;
    t->root->flags |= NODE_UNREAD;
}

int tree_read_dir(Tree *t, Node *dir, Err *err)
{
    if (!(dir->flags & NODE_UNREAD))
        return 0;
    dir->flags &= (uint8_t)~NODE_UNREAD;
    return t->loader->read_dir(t->loader, t, dir, err);
}

int64_t tree_newest_ctime(const Tree *t)
{
    return t->newest_ctime_ns;
}

void tree_note_ctime(Tree *t, int64_t ctime_ns)
{
    if (ctime_ns > t->newest_ctime_ns)
        t->newest_ctime_ns = ctime_ns;
}

/* --- changes --- */

static void mark_above(Node *n)
{
    for (Node *up = n; up && !(up->flags & NODE_DIRTY_BELOW); up = up->parent)
        up->flags |= NODE_DIRTY_BELOW;
}

void tree_mark_dirty(Node *n)
{
    n->flags |= NODE_DIRTY;
    if (n->parent)
        mark_above(n->parent);
}

void tree_mark_deleted(Tree *t, Node *dir, Str name)
{
    Deletion d = {dir, str_dup_in(&t->arena, name)};

    vec_push(&t->deletions, d);
    mark_above(dir);
}

const Deletion *tree_deletions(const Tree *t, size_t *ret_n)
{
    *ret_n = t->deletions.n;
    return t->deletions.v;
}

void tree_forget_deletions(Tree *t)
{
    t->deletions.n = 0;
}
