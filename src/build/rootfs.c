/* SPDX-License-Identifier: Apache-2.0 */
#include "build/rootfs.h"

#include "base/limits.h"
#include "base/log.h"
#include "build/cached.h"
#include "build/damage.h"
#include "build/download.h"
#include "build/ignored.h"
#include "os/fd.h"

Rootfs *rootfs_new(Builder *b)
{
    static const Str kept[] = {STR_LIT("etc/passwd"), STR_LIT("etc/group")};
    Rootfs *r = NEW(Rootfs);

    r->b = b;
    for (size_t i = 0; i < ARRAY_LEN(r->keep); i++)
        r->keep[i] = (KeptFile){.path = kept[i], .data = BUF_INIT(LIMIT_PASSWD)};
    return r;
}

Rootfs *rootfs_from_image(Builder *b, const BaseImage *i)
{
    Rootfs *r = rootfs_new(b);

    for (size_t n = 0; n < i->manifest.n_layers; n++) {
        ImageLayer l = {i->manifest.layers[n], i->config.diff_ids.v[n], i, false};

        vec_push(&r->layers, l);
    }
    return r;
}

Rootfs *rootfs_derive(Rootfs *from, bool keep_source)
{
    Rootfs *r = rootfs_new(from->b);

    vec_foreach(l, &from->layers)
        vec_push(&r->layers, *l);
    r->root = steal_ptr(&from->root);
    r->stamped = from->stamped;
    for (size_t i = 0; i < ARRAY_LEN(r->keep); i++) {
        r->keep[i].content = from->keep[i].content;
        buf_add(&r->keep[i].data, buf_str(&from->keep[i].data));
    }
    /* The stamps belong to whoever has the disk. */
    r->tree = steal_ptr(&from->tree);
    r->loaded = from->loaded;
    if (keep_source && r->tree)
        from->tree = tree_clone(r->tree);
    return r;
}

void rootfs_drop_disk(Rootfs *r)
{
    if (r->root)
        root_free(r->b->sandbox, r->root);
    r->root = NULL;
}

void rootfs_free(Rootfs *r)
{
    if (!r)
        return;
    rootfs_drop_disk(r);
    tree_free(r->tree);
    vec_done(&r->layers);
    for (size_t i = 0; i < ARRAY_LEN(r->keep); i++)
        buf_done(&r->keep[i].data);
    free(r);
}

/* --- loading --- */

static int read_layer(Rootfs *r, size_t number, Disk *disk, Err *err)
{
    cleanup_with(layer_stream_free_at) LayerStream *s = NULL;
    const ImageLayer *l = &r->layers.v[number - 1];
    ApplyOpts o = {.tree = r->tree,
                   .disk = disk,
                   .layer = (uint16_t)number,
                   .keep = r->keep,
                   .n_keep = ARRAY_LEN(r->keep)};
    int rc;

    TRY(layer_stream_open(r->b, l, &s, err));
    o.listed = cached_list_begin(r->b, l);
    rc = layer_apply(layer_stream_reader(s), &o, err);
    if (rc == 0)
        rc = layer_stream_finish(s, err);
    cached_list_end(r->b, rc == 0 ? l : NULL);
    return rc;
}

static int read_listing(Rootfs *r, const ImageLayer *listing, size_t number, Err *err)
{
    cleanup_with(layer_stream_free_at) LayerStream *s = NULL;
    ListingReader in;
    ApplyOpts o = {.tree = r->tree,
                   .layer = (uint16_t)number,
                   .keep = r->keep,
                   .n_keep = ARRAY_LEN(r->keep)};

    TRY(layer_stream_open(r->b, listing, &s, err));
    in = listing_reader(layer_stream_reader(s));
    TRY(layer_apply(&in.r, &o, err));
    return layer_stream_finish(s, err);
}

/* Where names will do, its listing is read instead, if there is one. */
static int load_layer(Rootfs *r, size_t number, Disk *disk, bool *ret_listed, Err *err)
{
    ImageLayer listing;

    *ret_listed = !disk && cached_listing(r->b, &r->layers.v[number - 1], &listing);
    return *ret_listed ? read_listing(r, &listing, number, err) : read_layer(r, number, disk, err);
}

static bool is_about_bytes(const Err *err)
{
    return err->kind == ERR_FORMAT || err->kind == ERR_DIGEST || err->kind == ERR_LIMIT;
}

/*
 * The layers that are not in the tree yet. *ret_wrong: it failed, perhaps only because the layer was read
 * while a broken transfer brought it.
 */
static int load_layers(Rootfs *r, Disk *disk, bool *ret_wrong, Err *err)
{
    for (size_t i = r->loaded + 1; i <= r->layers.n; i++) {
        const ImageLayer *l = &r->layers.v[i - 1];
        const Digest *d = &l->desc.digest;
        bool listed;

        if (load_layer(r, i, disk, &listed, err) < 0) {
            if (listed) {
                cached_listing_failed(r->b);
                *ret_wrong = true;
                return -1;
            }
            if (is_about_bytes(err))
                damage_note(r->b, l, err);
            *ret_wrong = is_about_bytes(err) &&
                         (download_was_wrong(r->b, d) || image_leave_cache(r->b, l->origin));
            return err_wrap(err, "layer %zu of %zu (sha256:" STR_FMT ")", i, r->layers.n,
                            STR_ARG(digest_short(d)));
        }
    }
    if (disk)
        TRY(disk_finish(disk, err));
    r->loaded = r->layers.n;
    return 0;
}

static int make_disk(Rootfs *r, Disk **ret, Err *err)
{
    Sandbox *s;
    DiskOpts o;

    TRY(builder_sandbox(r->b, &s, err));
    TRY(root_new(s, &r->root, err));
    r->b->disks++;
    o = (DiskOpts){r->root->fd, r->root->foreign, r->root->may_chown};
    r->stamped = false;
    *ret = disk_new(r->tree, &o);
    return 0;
}

static int load_afresh(Rootfs *r, bool disk, bool *ret_wrong, Err *err)
{
    cleanup_with(disk_free_at) Disk *d = NULL;

    tree_free(r->tree);
    r->tree = tree_new();
    r->loaded = 0;
    if ((disk && make_disk(r, &d, err) < 0) || load_layers(r, d, ret_wrong, err) < 0) {
        tree_free(steal_ptr(&r->tree)); /* half a tree must not pass for a whole one */
        return -1;
    }
    return 0;
}

static int load_again(Rootfs *r, bool disk, Err *err)
{
    bool ignored;

    log_debug("%s; once more, from what is verified", err->msg);
    if (disk)
        rootfs_drop_disk(r);
    vec_foreach(l, &r->layers)
        TRY(layer_fetch(r->b, l, err));
    return load_afresh(r, disk, &ignored, err);
}

/* Layers out of a cache, on top of what is there. */
static int load_rest(Rootfs *r, bool *ret_wrong, Err *err)
{
    cleanup_with(disk_free_at) Disk *d = NULL;

    if (r->root) {
        DiskOpts o = {r->root->fd, r->root->foreign, r->root->may_chown};

        d = disk_new(r->tree, &o);
        r->stamped = false;
    }
    if (load_layers(r, d, ret_wrong, err) < 0) {
        tree_free(steal_ptr(&r->tree));
        return -1;
    }
    return 0;
}

void rootfs_add_cached(Rootfs *r, const ImageLayer *l)
{
    vec_push(&r->layers, *l);
}

void rootfs_settle(Rootfs *r)
{
    if (!r->root || r->loaded == r->layers.n)
        return;
    rootfs_drop_disk(r);
    tree_free(steal_ptr(&r->tree));
    r->loaded = 0;
}

int rootfs_load(Rootfs *r, bool disk, Err *err)
{
    bool wrong = false;
    int rc;

    if (r->tree && (r->root || !disk) && r->loaded == r->layers.n)
        return 0;
    if (r->layers.n > LIMIT_LAYERS)
        return err_set(err, ERR_LIMIT, "the image has more than %u layers", LIMIT_LAYERS);
    /* A tree without its disk is read again: the layers are the only copy of the files. */
    rc = r->tree && (r->root || !disk) ? load_rest(r, &wrong, err)
                                       : load_afresh(r, disk, &wrong, err);
    return rc < 0 && wrong ? load_again(r, disk || r->root, err) : rc;
}

/*
 * With one active root at a time, this one may have been put aside meanwhile: moving it changed
 * stamps.
 */
int rootfs_activate(Rootfs *r, Err *err)
{
    if (!r->root)
        return 0;
    if (!sandbox_parallel(r->b->sandbox))
        r->stamped = false;
    return root_activate(r->b->sandbox, r->root, err);
}

static bool is_ignored(const void *patterns, Str path)
{
    return ignored_holds(patterns, path);
}

ScanOpts rootfs_scan_opts(const Rootfs *r)
{
    const StrVec *ignored = &r->b->req->ignored_paths;

    return (ScanOpts){.root_fd = r->root->fd,
                      .foreign = r->root->foreign,
                      .ignored = ignored->n ? is_ignored : NULL,
                      .ignored_ctx = ignored,
                      .ignore_owner = !r->root->may_chown,
                      .pool = r->b->cpu};
}

/* --- reading back --- */

static const KeptFile *find_kept(const Rootfs *r, const Node *n)
{
    const Content *c = &n->inode->content;

    for (size_t i = 0; i < ARRAY_LEN(r->keep); i++)
        if (r->keep[i].content.layer && r->keep[i].content.layer == c->layer &&
            r->keep[i].content.offset == c->offset)
            return &r->keep[i];
    return NULL;
}

static int read_node(Rootfs *r, Node *n, Buf *ret, Err *err)
{
    RootfsFiles files;
    NodeVec wanted = {0};
    cleanup_open_file OpenFile file = OPEN_FILE_NONE;
    int rc;

    if (n->inode->size > ret->max - ret->n)
        return err_set(err, ERR_LIMIT, "/%s is larger than %zu bytes", n->name, ret->max);
    vec_push(&wanted, n);
    rc = rootfs_files_open(r, &wanted, &files, err);
    vec_done(&wanted);
    TRY(rc);
    rc = files.s.open(&files.s, n, &file, err);
    if (rc == 0) {
        FdRangeReader in = fd_range_reader(file.fd, file.at, n->inode->size);

        rc = reader_read_all(&in.r, ret, n->name, err);
    }
    rootfs_files_done(&files);
    return rc;
}

int rootfs_read(Rootfs *r, Str path, Buf *ret, bool *ret_found, Err *err)
{
    const KeptFile *kept;
    Node *n;

    TRY(rootfs_load(r, false, err));
    TRY(tree_lookup(r->tree, path, true, &n, err));
    *ret_found = n && S_ISREG(n->inode->mode);
    if (!*ret_found)
        return 0;
    kept = r->root ? NULL : find_kept(r, n);
    if (kept) {
        buf_add(ret, buf_str(&kept->data));
        return buf_check(ret, kept->path.p, err);
    }
    return read_node(r, n, ret, err);
}

/* --- files by node --- */

typedef struct Wanted {
    uint32_t layer;
    uint64_t offset;
} Wanted;

static int by_layer(const void *pa, const void *pb)
{
    const Wanted *a = pa, *b = pb;

    return (a->layer > b->layer) - (a->layer < b->layer);
}

static int extract_layer(RootfsFiles *f, const Wanted *v, size_t n, Err *err)
{
    cleanup_with(layer_stream_free_at) LayerStream *s = NULL;
    cleanup_free uint64_t *offsets = NEW_N(uint64_t, n);

    for (size_t i = 0; i < n; i++)
        offsets[i] = v[i].offset;
    TRY(layer_stream_open(f->from->b, &f->from->layers.v[v->layer - 1], &s, err));
    TRY(spool_extract(&f->spool, layer_stream_reader(s), v->layer, offsets, n, err));
    return layer_stream_finish(s, err);
}

static int extract_all(RootfsFiles *f, const NodeVec *nodes, Err *err)
{
    cleanup_free Wanted *v = NEW_N(Wanted, nodes->n);

    for (size_t i = 0; i < nodes->n; i++)
        v[i] = (Wanted){nodes->v[i]->inode->content.layer, nodes->v[i]->inode->content.offset};
    qsort(v, nodes->n, sizeof(*v), by_layer);
    for (size_t i = 0, end; i < nodes->n; i = end) {
        for (end = i; end < nodes->n && v[end].layer == v[i].layer; end++)
            ;
        TRY(extract_layer(f, v + i, end - i, err));
    }
    return 0;
}

static int open_on_disk(FileSource *self, const Node *n, OpenFile *ret, Err *err)
{
    RootFiles disk = root_files(((RootfsFiles *)self)->disk_fd);

    return disk.s.open(&disk.s, n, ret, err);
}

static int open_spooled(FileSource *self, const Node *n, OpenFile *ret, Err *err)
{
    const RootfsFiles *f = (const RootfsFiles *)self;
    const Content *c = &n->inode->content;

    return spool_file(&f->spool, c->layer, c->offset, ret, err);
}

/* A mount of the container hides the file that the image has there: only the layer still has it. */
static bool all_on_disk(const Rootfs *r, const NodeVec *wanted)
{
    vec_foreach(n, wanted)
        for (const Node *up = *n; up; up = up->parent)
            if (up->flags & NODE_ABSENT)
                return false;
    return r->root != NULL;
}

int rootfs_files_open(Rootfs *from, const NodeVec *wanted, RootfsFiles *ret, Err *err)
{
    RootfsFiles f = {.from = from, .disk_fd = -1};

    if (all_on_disk(from, wanted)) {
        f.s.open = open_on_disk;
        f.disk_fd = root_open_readonly(from->b->sandbox, from->root, err);
        if (f.disk_fd < 0)
            return -1;
    } else {
        f.s.open = open_spooled;
        TRY(spool_open(from->b->store, &f.spool, err));
        if (extract_all(&f, wanted, err) < 0) {
            rootfs_files_done(&f);
            return -1;
        }
    }
    *ret = f;
    return 0;
}

void rootfs_files_done(RootfsFiles *f)
{
    close_at(&f->disk_fd);
    spool_done(&f->spool);
}

/* --- committing --- */

int rootfs_commit(Rootfs *r, FileSource *files, LayerStats *ret_stats, ImageLayer *ret, Err *err)
{
    cleanup_with(compressor_free_at) Compressor *c = NULL;
    cleanup_with(disk_free_at) Disk *disk = NULL;
    const BuildRequest *req = r->b->req;
    RootFiles own = root_files(r->root ? r->root->fd : -1);
    LayerWriteOpts o = {
        .layer = (uint16_t)(r->layers.n + 1),
        .files = files ? files : &own.s,
        .keep_holes = !files,
        .clamp = req->has_epoch,
        .clamp_ns = req->epoch_ns,
    };
    LayerBlob blob;
    ImageLayer made;
    int rc;

    if (r->layers.n >= LIMIT_LAYERS)
        return err_set(err, ERR_LIMIT, "the image would have more than %u layers", LIMIT_LAYERS);
    if (files && r->root) {
        DiskOpts d = {r->root->fd, r->root->foreign, r->root->may_chown};

        disk = disk_new(r->tree, &d);
        o.disk = disk;
        r->stamped = false;
    }
    TRY(compressor_new(r->b->store, r->b->cpu, &req->codec, &c, err));
    o.listed = cached_list_begin(r->b, NULL);
    rc = layer_write(r->tree, &o, c, ret_stats, err);
    if (rc == 0 && disk)
        rc = disk_finish(disk, err);
    if (rc == 0)
        rc = compressor_finish(c, &blob, err);
    if (rc == 0)
        rc = damage_avoid(r->b, &blob, err);
    if (rc == 0)
        made = (ImageLayer){blob.desc, blob.diff_id, NULL, false};
    cached_list_end(r->b, rc == 0 ? &made : NULL);
    TRY(rc);
    *ret = made;
    vec_push(&r->layers, *ret);
    r->loaded = r->layers.n;
    return 0;
}
