/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over the dirty part of the tree only, directories before what is in them, names sorted.
 */
#include "layer/write.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "base/limits.h"
#include "base/map.h"
#include "layer/apply.h"
#include "os/chase.h"
#include "os/fd.h"
#include "os/signal.h"
#include "tar/writer.h"

enum {
    OPAQUE_FROM = 4, /* fewer deletions are listed one by one, which every tool understands */
    SPARSE_FROM = 1024 * 1024, /* bytes */
};

typedef struct Write {
    Tree *t;
    const LayerWriteOpts *o;
    TarWriter *tar;
    LayerStats stats;
    Buf path;  /* of the current directory */
    Map links; /* Inode* -> first Node* written, for those with several names */
    char *block;
    const Deletion **deletions; /* sorted by directory, then name */
    size_t n_deletions;
} Write;

/* --- one entry --- */

static int64_t clamped(const Write *w, int64_t ns)
{
    return w->o->clamp && ns > w->o->clamp_ns ? w->o->clamp_ns : ns;
}

static TarEntry entry_of(const Write *w, const Node *n, Str path)
{
    const Inode *i = n->inode;
    TarEntry e = {
        .name = path,
        .mode = i->mode & 07777,
        .uid = i->uid,
        .gid = i->gid,
        .mtime_ns = clamped(w, i->mtime_ns),
        .xattrs = i->xattrs,
    };

    switch (i->mode & S_IFMT) {
    case S_IFDIR: e.type = TAR_DIR; break;
    case S_IFLNK:
        e.type = TAR_SYMLINK;
        e.link = str_from(i->target);
        break;
    case S_IFIFO: e.type = TAR_FIFO; break;
    case S_IFCHR:
    case S_IFBLK:
        e.type = S_ISCHR(i->mode) ? TAR_CHAR : TAR_BLOCK_DEVICE;
        e.dev_major = major(i->rdev);
        e.dev_minor = minor(i->rdev);
        break;
    default:
        e.type = TAR_FILE;
        e.size = i->size;
        break;
    }
    return e;
}

typedef VEC(TarRun) RunVec;

static bool mostly_holes(int fd, uint64_t size)
{
    struct stat st;

    return size >= SPARSE_FROM && fstat(fd, &st) == 0 && (uint64_t)st.st_blocks * 512 < size / 4;
}

/* Returns 1 with the runs of data, 0 when the file system cannot tell them. */
static int list_runs(int fd, uint64_t size, RunVec *ret, Err *err)
{
    off_t at = 0;

    while ((uint64_t)at < size) {
        off_t data = lseek(fd, at, SEEK_DATA), hole;
        uint64_t end;
        TarRun run;

        if (data < 0 && errno == ENXIO)
            return 1; /* a hole to the end */
        hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
        if (hole < 0 && errno == EINVAL)
            return 0;
        if (hole < 0)
            return err_sys(err, "find its holes");
        if (ret->n == LIMIT_SPARSE_PARTS)
            return 0;
        end = (uint64_t)hole < size ? (uint64_t)hole : size;
        run = (TarRun){(uint64_t)data, end - (uint64_t)data};
        vec_push(ret, run);
        at = hole;
    }
    return 1;
}

/* An open source on its way into the archive and, with 'on_disk', to its place on the disk. */
typedef struct Source {
    OpenFile file;
    bool on_disk;
} Source;

static int copy_run(Write *w, const Source *from, uint64_t at, uint64_t n, Err *err)
{
    while (n > 0) {
        size_t got, want = n < IO_BLOCK ? (size_t)n : IO_BLOCK;

        TRY(signal_check(err));
        TRY(fd_pread_full(from->file.fd, w->block, want, from->file.at + at, &got, err));
        if (got < want)
            return err_set(err, ERR_SYS, "it became shorter while it was being read");
        TRY(tar_writer_data(w->tar, w->block, got, err));
        if (from->on_disk)
            TRY(disk_file_write(w->o->disk, at, w->block, got, err));
        at += got;
        n -= got;
    }
    return 0;
}

static void tell_listed(const Write *w, const TarEntry *e)
{
    uint64_t at, n = tar_writer_stored(w->tar, &at);

    if (w->o->listed)
        listed_data(w->o->listed, e->name, at, n);
}

static int write_whole(Write *w, const TarEntry *e, const Source *from, Err *err)
{
    TRY(tar_writer_entry(w->tar, e, err));
    tell_listed(w, e);
    return copy_run(w, from, 0, e->size, err);
}

static int write_runs(Write *w, const TarEntry *e, const RunVec *runs, const Source *from, Err *err)
{
    TRY(tar_writer_sparse(w->tar, e, runs->v, runs->n, err));
    tell_listed(w, e);
    vec_foreach(r, runs)
        TRY(copy_run(w, from, r->at, r->n, err));
    return 0;
}

static int write_data(Write *w, const TarEntry *e, const Source *from, Err *err)
{
    RunVec runs = {0};
    int rc;

    if (!w->o->keep_holes || from->file.at || !mostly_holes(from->file.fd, e->size))
        return write_whole(w, e, from, err);
    rc = list_runs(from->file.fd, e->size, &runs, err);
    if (rc >= 0)
        rc = rc ? write_runs(w, e, &runs, from, err) : write_whole(w, e, from, err);
    vec_done(&runs);
    return rc;
}

static int write_file(Write *w, Node *n, const TarEntry *e, Err *err)
{
    cleanup_open_file OpenFile file = OPEN_FILE_NONE;
    int on_disk = 0;
    Source from;

    TRY(w->o->files->open(w->o->files, n, &file, err));
    if (w->o->disk)
        on_disk = disk_file_begin(w->o->disk, n, err);
    TRY(on_disk);
    from = (Source){file, on_disk};
    TRY(write_data(w, e, &from, err));
    n->inode->content = (Content){.layer = w->o->layer, .offset = tar_writer_offset(w->tar)};
    return on_disk ? disk_file_end(w->o->disk, err) : 0;
}

/* Returns 1 when the inode has been written under another name of this layer. */
static int write_link(Write *w, Node *n, TarEntry *e, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str key = {(const char *)&n->inode, sizeof(n->inode)};
    Node *first = map_find(&w->links, key);

    if (!first) {
        (void)map_set(&w->links, key, n);
        return 0;
    }
    e->type = TAR_HARDLINK;
    e->link = node_path(first, &a);
    e->size = 0;
    e->xattrs = NULL;
    TRY(tar_writer_entry(w->tar, e, err));
    if (w->o->disk)
        TRY(disk_link(w->o->disk, n, first, err));
    return 1;
}

static int write_node(Write *w, Node *n, Str path, Err *err)
{
    TarEntry e = entry_of(w, n, path);

    if (!w->o->plain && str_starts(node_name(n), S(LAYER_WHITEOUT)))
        return err_set(err, ERR_UNSUPPORTED,
                       "an image cannot hold a file whose name begins with " LAYER_WHITEOUT
                       ": in a layer it says that another was deleted");
    n->layer = w->o->layer;
    if (!node_is_dir(n) && n->inode->nlink > 1) {
        int linked = write_link(w, n, &e, err);

        if (linked != 0)
            return linked < 0 ? -1 : 0;
    }
    if (e.type == TAR_FILE)
        return write_file(w, n, &e, err);
    TRY(tar_writer_entry(w->tar, &e, err));
    return w->o->disk && (n->flags & NODE_DIRTY) ? disk_put(w->o->disk, n, err) : 0;
}

/* --- deletions --- */

static int by_place(const void *pa, const void *pb)
{
    const Deletion *a = *(const Deletion *const *)pa, *b = *(const Deletion *const *)pb;

    if (a->dir != b->dir)
        return (uintptr_t)a->dir < (uintptr_t)b->dir ? -1 : 1;
    return str_cmp(a->name, b->name);
}

static void sort_deletions(Write *w)
{
    size_t n;
    const Deletion *d = tree_deletions(w->t, &n);

    w->deletions = NEW_N(const Deletion *, n);
    for (size_t i = 0; i < n; i++)
        w->deletions[i] = &d[i];
    w->n_deletions = n;
    if (n > 1)
        qsort(w->deletions, n, sizeof(*w->deletions), by_place);
}

/* Those of one directory: *ret of them, beginning at the index returned. */
static size_t deletions_of(const Write *w, const Node *dir, size_t *ret)
{
    size_t lo = 0, hi = w->n_deletions, end;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;

        if ((uintptr_t)w->deletions[mid]->dir < (uintptr_t)dir)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (end = lo; end < w->n_deletions && w->deletions[end]->dir == dir; end++)
        ;
    *ret = end - lo;
    return lo;
}

/* --- the walk --- */

typedef struct Item {
    Str name;   /* as it will stand in the archive */
    Node *node; /* NULL: a whiteout */
} Item;

typedef struct Items {
    VEC(Item) v;
    Arena names;
} Items;

static int by_item_name(const void *a, const void *b)
{
    return str_cmp(((const Item *)a)->name, ((const Item *)b)->name);
}

static bool all_new(const Node *dir)
{
    for (const Node *n = dir->inode->children; n; n = n->next)
        if (!(n->flags & NODE_NEW))
            return false;
    return true;
}

/*
 * What was deleted here and is not back: what is back replaces what was there by an entry of its
 * own.
 */
static void list_deletions(Write *w, const Node *dir, Items *items)
{
    size_t n, first = deletions_of(w, dir, &n);

    for (size_t i = first; i < first + n; i++) {
        Str name = w->deletions[i]->name;
        Item item = {.name = str_fmt_in(&items->names, LAYER_WHITEOUT STR_FMT, STR_ARG(name))};

        if (!tree_child(w->t, dir, name))
            vec_push(&items->v, item);
    }
    w->stats.deletions += items->v.n;
    if (items->v.n < OPAQUE_FROM || !all_new(dir))
        return;
    items->v.n = 1;
    items->v.v[0].name = S(LAYER_WHITEOUT_OPAQUE);
}

static void list_dir(Write *w, const Node *dir, Items *items)
{
    list_deletions(w, dir, items);
    for (Node *n = dir->inode->children; n; n = n->next) {
        Item item = {node_name(n), n};

        if (n->flags & (NODE_DIRTY | NODE_DIRTY_BELOW))
            vec_push(&items->v, item);
    }
    if (items->v.n > 1)
        qsort(items->v.v, items->v.n, sizeof(Item), by_item_name);
}

static int write_whiteout(Write *w, Str path, Err *err)
{
    TarEntry e = {.type = TAR_FILE, .name = path, .mode = 0};

    return tar_writer_entry(w->tar, &e, err);
}

/*
 * A directory being walked; the stack of them is on the heap: trees nest deeper than a thread's
 * stack.
 */
typedef struct Frame {
    Node *dir;
    Items items;
    size_t at, path_n;
} Frame;

typedef VEC(Frame) FrameVec;

static void push_frame(Write *w, FrameVec *stack, Node *dir)
{
    Frame f = {.dir = dir, .path_n = w->path.n};

    list_dir(w, dir, &f.items);
    vec_push(stack, f);
}

static void pop_frame(Write *w, FrameVec *stack)
{
    Frame *f = &stack->v[stack->n - 1];

    f->dir->flags &= (uint8_t)~NODE_DIRTY_BELOW;
    vec_done(&f->items.v);
    arena_done(&f->items.names);
    stack->n--;
    if (stack->n)
        buf_truncate(&w->path, stack->v[stack->n - 1].path_n);
}

static int write_item(Write *w, FrameVec *stack, const Item *item, Err *err)
{
    size_t parent_n = w->path.n;
    Node *n = item->node;

    TRY(signal_check(err));
    if (w->path.n)
        buf_add_char(&w->path, '/');
    buf_add(&w->path, item->name);
    TRY(buf_check(&w->path, "the path of a file in the layer", err));
    if (!n) {
        TRY(write_whiteout(w, buf_str(&w->path), err));
        buf_truncate(&w->path, parent_n);
        return 0;
    }
    if (write_node(w, n, buf_str(&w->path), err) < 0)
        return err_wrap(err, "/" STR_FMT, STR_ARG(buf_str(&w->path)));
    w->stats.files += (n->flags & NODE_DIRTY) != 0;
    n->flags &= (uint8_t) ~(NODE_DIRTY | NODE_NEW);
    if (node_is_dir(n) && (n->flags & NODE_DIRTY_BELOW))
        push_frame(w, stack, n);
    else
        buf_truncate(&w->path, parent_n);
    return 0;
}

static int write_dirty(Write *w, Err *err)
{
    FrameVec stack = {0};
    int rc = 0;

    if (tree_root(w->t)->flags & NODE_DIRTY_BELOW)
        push_frame(w, &stack, tree_root(w->t));
    while (rc == 0 && stack.n) {
        Frame *f = &stack.v[stack.n - 1];

        if (f->at < f->items.v.n) {
            Item item = f->items.v.v[f->at++];

            rc = write_item(w, &stack, &item, err);
        } else {
            pop_frame(w, &stack);
        }
    }
    while (stack.n)
        pop_frame(w, &stack);
    vec_done(&stack);
    return rc;
}

int layer_write_archive(Tree *t, const LayerWriteOpts *o, Writer *to, LayerStats *ret, Err *err)
{
    cleanup_with(tar_writer_free_at) TarWriter *tar =
        tar_writer_new(o->listed ? listed_writer(o->listed, to) : to);
    cleanup_free char *block = NEW_N(char, IO_BLOCK);
    Write w = {.t = t, .o = o, .tar = tar, .path = BUF_INIT(LIMIT_PATH), .block = block};
    int rc;

    sort_deletions(&w);
    rc = write_dirty(&w, err);
    buf_done(&w.path);
    free(w.deletions);
    map_done(&w.links);
    TRY(rc);
    tree_forget_deletions(t);
    TRY(tar_writer_finish(tar, err));
    *ret = w.stats;
    return 0;
}

int layer_write(Tree *t, const LayerWriteOpts *o, Compressor *to, LayerStats *ret, Err *err)
{
    return layer_write_archive(t, o, compressor_writer(to), ret, err);
}

void open_file_done(OpenFile *f)
{
    close_at(&f->fd);
}

static int root_open(FileSource *self, const Node *n, OpenFile *ret, Err *err)
{
    RootFiles *r = (RootFiles *)self;
    cleanup_buf Buf path = BUF_INIT(LIMIT_PATH);
    int fd;

    node_path_to(n, &path);
    TRY(buf_check(&path, "the path", err));
    fd = chase_beneath(r->root_fd, buf_z(&path), O_RDONLY | O_NONBLOCK, 0, err);
    if (fd < 0)
        return -1;
    *ret = (OpenFile){fd, 0};
    return 0;
}

RootFiles root_files(int root_fd)
{
    return (RootFiles){.s = {root_open}, .root_fd = root_fd};
}
