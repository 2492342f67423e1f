/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy keeps the paths that the files have in the context: DIR/sub/file for a mount of "sub". So what the layers' writer of
 * disks (layer/disk.h) does for images serves here, and a mount is always a directory and a path in it.
 */
#include "build/mount_source.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/map.h"
#include "os/chase.h"
#include "os/fd.h"

typedef struct ContextCopy {
    Context *context;
    Str source; /* canonical */
    char *dir;  /* owned; NULL: not made yet, or spoiled */
} ContextCopy;

typedef struct MountedImage {
    BaseImage *image;
    Rootfs *fs; /* owned */
} MountedImage;

struct MountSources {
    VEC(ContextCopy *) copies;
    VEC(MountedImage) images;
};

static MountSources *sources_of(Builder *b)
{
    if (!b->mount_sources)
        b->mount_sources = NEW(MountSources);
    return b->mount_sources;
}

/* --- finding it in a tree --- */

static int find_node(Tree *t, Arena *a, Str source, Node **ret, Str *ret_path, Err *err)
{
    TRY(tree_canonical(t, a, source, true, ret_path, err));
    TRY(tree_at(t, *ret_path, ret, err));
    if (*ret)
        return 0;
    return err_set(err, ERR_NOT_FOUND, "\"/" STR_FMT "\": not found",
                   STR_ARG(path_rooted(a, source)));
}

/* --- writing it out --- */

typedef struct WriteOut {
    Tree *tree;
    Disk *disk;
    FileSource *files;
    Map written; /* inode -> the node that it was written for */
} WriteOut;

static int write_bytes(WriteOut *w, Node *n, Err *err)
{
    cleanup_open_file OpenFile file = OPEN_FILE_NONE;
    cleanup_free char *block = NEW_N(char, IO_BLOCK);
    uint64_t at = 0;

    TRY(w->files->open(w->files, n, &file, err));
    while (at < n->inode->size) {
        size_t got,
            want = n->inode->size - at < IO_BLOCK ? (size_t)(n->inode->size - at) : IO_BLOCK;

        TRY(fd_pread_full(file.fd, block, want, file.at + at, &got, err));
        if (got == 0)
            return err_set(err, ERR_FORMAT, "%s became shorter while it was read", n->name);
        TRY(disk_file_write(w->disk, at, block, got, err));
        at += got;
    }
    return 0;
}

static int write_file(WriteOut *w, Node *n, Err *err)
{
    Str key = {(const char *)&n->inode, sizeof(n->inode)};
    Node *first = n->inode->nlink > 1 ? map_find(&w->written, key) : NULL;
    int got;

    if (first)
        return disk_link(w->disk, n, first, err);
    got = disk_file_begin(w->disk, n, err);
    if (got <= 0)
        return got;
    TRY(write_bytes(w, n, err));
    TRY(disk_file_end(w->disk, err));
    (void)map_set(&w->written, key, n);
    return 0;
}

static int write_node(WriteOut *w, Node *n, Err *err)
{
    if (!n->parent)
        return 0;
    return S_ISREG(n->inode->mode) ? write_file(w, n, err) : disk_put(w->disk, n, err);
}

static int write_leading(WriteOut *w, Node *n, Err *err)
{
    if (!n->parent)
        return 0;
    TRY(write_leading(w, n->parent, err));
    return node_is_dir(n) ? disk_put(w->disk, n, err) : 0;
}

/*
 * The nodes at and below 'n', each directory before what is in it. No recursion: a context may be
 * deep.
 */
static int list_below(Tree *t, Node *n, NodeVec *ret, Err *err)
{
    vec_push(ret, n);
    for (size_t i = ret->n - 1; i < ret->n; i++) {
        NodeVec children = {0};
        int rc = node_is_dir(ret->v[i]) ? tree_list(t, ret->v[i], &children, err) : 0;

        vec_foreach(c, &children)
            vec_push(ret, *c);
        vec_done(&children);
        TRY(rc);
    }
    return 0;
}

int mount_collect_files(Tree *t, Node *n, NodeVec *ret, Err *err)
{
    NodeVec all = {0};
    int rc = list_below(t, n, &all, err);

    vec_foreach(node, &all)
        if (S_ISREG((*node)->inode->mode))
            vec_push(ret, *node);
    vec_done(&all);
    return rc;
}

static int write_all(WriteOut *w, Node *n, Err *err)
{
    NodeVec all = {0};
    int rc = write_leading(w, n, err);

    if (rc == 0)
        rc = list_below(w->tree, n, &all, err);
    for (size_t i = 0; rc == 0 && i < all.n; i++)
        rc = write_node(w, all.v[i], err);
    vec_done(&all);
    return rc < 0 ? -1 : disk_finish(w->disk, err);
}

int mount_write_out(Tree *t, Node *n, FileSource *files, const char *dir, bool may_chown, Err *err)
{
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_with(disk_free_at) Disk *disk = NULL;
    WriteOut w = {.tree = t, .files = files};
    int rc;

    if (fd < 0)
        return err_sys(err, "open %s", dir);
    disk = disk_new(t, &(DiskOpts){.root_fd = fd, .may_chown = may_chown});
    w.disk = disk;
    rc = write_all(&w, n, err);
    map_done(&w.written);
    if (rc == 0 && fchmod(fd, tree_root(t)->inode->mode & 07777) < 0)
        return err_sys(err, "set the mode of %s", dir);
    return rc;
}

/* --- the context --- */

static int make_copy(Builder *b, Node *n, ContextCopy *c, Err *err)
{
    Context *context = c->context;
    cleanup_free char *dir = NULL;
    Sandbox *box;

    TRY(builder_sandbox(b, &box, err));
    TRY(sandbox_new_dir(box, &dir, err));
    TRY(mount_write_out(context_tree(context), n, context_files(context), dir,
                        sandbox_may_chown(box), err));
    c->dir = steal_ptr(&dir);
    return 0;
}

static ContextCopy *find_copy(Builder *b, Context *context, Str source)
{
    MountSources *m = sources_of(b);
    ContextCopy *c;

    vec_foreach(known, &m->copies)
        if ((*known)->context == context && str_eq((*known)->source, source))
            return *known;
    c = arena_new(&b->arena, ContextCopy);
    c->context = context;
    c->source = source;
    vec_push(&m->copies, c);
    return c;
}

static int copy_of_context(Builder *b, Context *context, Node *n, SandboxMount *ret,
                           MountOrigin *ret_origin, Err *err)
{
    ContextCopy *c = find_copy(b, context, str_from(ret->source));

    if (!c->dir)
        TRY(make_copy(b, n, c, err));
    ret->dir = c->dir;
    ret_origin->copy = c;
    return 0;
}

/*
 * In a build all of a context belongs to root: programs look at owners (git at those of its
 * repository), and in a user namespace root may do nothing with files of ids that are not mapped.
 */
static bool belongs_to_root(const char *dir, const char *path)
{
    cleanup_close int top = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
    struct stat st;
    Err ignored;

    if (top >= 0)
        fd = chase_beneath(top, path, O_PATH, 0, &ignored);
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == 0 && st.st_gid == 0;
}

int mount_source_context(Builder *b, Context *context, Str source, SandboxMount *ret,
                         MountOrigin *ret_origin, Err *err)
{
    bool as_is = false;
    Sandbox *box;
    Node *n;
    Str path;

    *ret_origin = (MountOrigin){0};
    TRY(context_load(context, err));
    TRY(builder_sandbox(b, &box, err));
    TRY(find_node(context_tree(context), &b->arena, source, &n, &path, err));
    ret->is_dir = node_is_dir(n);
    ret->source = str_dup_in(&b->arena, path).p;
    ret->dir = context_dir(context);
    if (ret->dir && sandbox_parallel(box) && belongs_to_root(ret->dir, ret->source))
        TRY(context_is_as_on_disk(context, n, &as_is, err));
    return as_is ? 0 : copy_of_context(b, context, n, ret, ret_origin, err);
}

/* --- stages and images --- */

int mount_source_rootfs(Rootfs *fs, Str source, SandboxMount *ret, MountOrigin *ret_origin,
                        Err *err)
{
    Node *n;
    Str path;

    TRY(rootfs_load(fs, true, err));
    TRY(find_node(fs->tree, &fs->b->arena, source, &n, &path, err));
    *ret_origin = (MountOrigin){.fs = fs};
    ret->from = fs->root;
    ret->source = str_dup_in(&fs->b->arena, path).p;
    ret->is_dir = node_is_dir(n);
    return 0;
}

int mount_source_image_files(Builder *b, Str image, const Platform *platform, Rootfs **ret,
                             Err *err)
{
    MountSources *m = sources_of(b);
    MountedImage new;

    TRY(image_resolve(b, image, platform, &new.image, err));
    vec_foreach(known, &m->images) {
        if (known->image == new.image) {
            *ret = known->fs;
            return 0;
        }
    }
    image_prefetch(b, new.image);
    *ret = new.fs = rootfs_from_image(b, new.image);
    vec_push(&m->images, new);
    return 0;
}

int mount_source_image(Builder *b, Str image, const Platform *platform, Str source,
                       SandboxMount *ret, MountOrigin *ret_origin, Err *err)
{
    Rootfs *fs = NULL;

    TRY(mount_source_image_files(b, image, platform, &fs, err));
    if (mount_source_rootfs(fs, source, ret, ret_origin, err) < 0)
        return err_wrap(err, "image " STR_FMT, STR_ARG(image));
    return 0;
}

int mount_source_empty(Builder *b, SandboxMount *ret, Err *err)
{
    cleanup_free char *dir = NULL;
    Sandbox *box;

    TRY(builder_sandbox(b, &box, err));
    TRY(sandbox_new_dir(box, &dir, err));
    if (chmod(dir, 0755) < 0)
        return err_sys(err, "set the mode of %s", dir);
    ret->dir = str_dup_in(&b->arena, str_from(dir)).p;
    ret->source = "";
    ret->is_dir = true;
    return 0;
}

/* --- the end --- */

void mount_origin_spoiled(MountOrigin *o)
{
    if (o->fs)
        rootfs_drop_disk(o->fs);
    if (o->copy)
        free_at(&o->copy->dir);
}

void mount_sources_free(Builder *b)
{
    MountSources *m = b->mount_sources;

    if (!m)
        return;
    vec_foreach(c, &m->copies)
        free_at(&(*c)->dir);
    vec_foreach(i, &m->images)
        rootfs_free(i->fs);
    vec_done(&m->copies);
    vec_done(&m->images);
    free(m);
    b->mount_sources = NULL;
}
