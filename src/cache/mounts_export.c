/* SPDX-License-Identifier: Apache-2.0 */
/* A directory into a repository. */
#include "base/limits.h"
#include "base/map.h"
#include "cache/mount_mark.h"
#include "cache/mount_piece.h"
#include "layer/write.h"
#include "tree/scan.h"

/* At scale 0 a manifest's chunks hold this and some more; each scale holds twice as much. */
#define SCALE_0_BYTES ((uint64_t)1280 << 20)
_Static_assert(SCALE_0_BYTES << CHUNK_SCALE_MAX == MOUNT_LIMIT_MAX, "the largest scale");

enum {
    LOOKS_MAX = 3, /* at a directory in which names come and go */
    READS_MAX = 2  /* of one that is changed meanwhile */
};

typedef struct Export {
    const MountPlace *m;
    Tree *tree; /* of the directory */
    Arena arena;
    bool has_last;
    MountList last; /* what the repository has */
    Map known;      /* digest of uncompressed bytes -> MountPiece */
    unsigned scale;
    MountPieceVec pieces;
    MountPiece *on_way[MOUNT_TASKS_MAX]; /* a ring of mount_tasks(scale) */
    size_t sent;                         /* so far */
    bool cannot_send;
    MountReport report;
} Export;

static int finish_oldest(Export *x, Err *err)
{
    MountPiece **oldest = &x->on_way[x->sent % mount_tasks(x->scale)], *p = *oldest;

    if (!p)
        return 0;
    if (mount_piece_join(p, err) < 0) {
        x->cannot_send = true;
        return -1;
    }
    *oldest = NULL;
    x->report.sent_bytes += p->chunk.desc.size;
    return 0;
}

static int begin_piece(Export *x, Str bytes, const Digest *raw, MountPiece **ret, Err *err)
{
    MountChunk chunk = {.raw = *raw};
    MountPiece *p;

    TRY(finish_oldest(x, err));
    p = mount_piece_new(x->m, &x->arena, &chunk, x->scale);
    buf_add(&p->bytes, bytes);
    p->task = pool_submit(x->m->io, mount_piece_send, p);
    x->on_way[x->sent++ % mount_tasks(x->scale)] = p;
    x->report.fresh++;
    (void)map_set(&x->known, str_from(p->chunk.raw.text), p);
    *ret = p;
    return 0;
}

static int add_chunk(void *ctx, Str bytes, Err *err)
{
    Export *x = ctx;
    Digest raw = digest_of(bytes);
    MountPiece *p = map_find(&x->known, str_from(raw.text));

    x->report.bytes += bytes.n;
    if (x->report.bytes > x->m->limit_bytes)
        return mount_too_large(x->m, err);
    if (x->pieces.n == LIMIT_LAYERS)
        return err_set(err, ERR_LIMIT, "it has more than %u chunks", LIMIT_LAYERS);
    if (!p)
        TRY(begin_piece(x, bytes, &raw, &p, err));
    vec_push(&x->pieces, p); /* NOLINT(bugprone-sizeof-expression): a list of pointers */
    x->report.chunks++;
    return 0;
}

/* What the repository has already; a manifest that cannot be used is as good as none. */
static void learn(Export *x)
{
    Err ignored;

    x->has_last = mount_list_find(x->m->repo, &x->m->key, &x->arena, &x->last, &ignored) > 0;
    if (!x->has_last)
        return;
    vec_foreach(c, &x->last.chunks)
        if (cache_repo_has_blob(x->m->repo, &c->desc))
            (void)map_set(&x->known, str_from(c->raw.text),
                          mount_piece_new(x->m, &x->arena, c, x->last.scale));
}

/* Of the archive, about, and rather too much: headers and what pads the contents. */
static uint64_t archive_bytes(uint64_t names, uint64_t content)
{
    return names * 2048 + content;
}

/*
 * At which scale to cut so many bytes. One that is too large by one is kept: who is about as large
 * as a scale allows would otherwise send everything at each turn.
 */
static unsigned scale_for(const Export *x, uint64_t bytes)
{
    unsigned scale = 0;

    while (scale < CHUNK_SCALE_MAX && bytes > SCALE_0_BYTES << scale)
        scale++;
    return x->has_last && x->last.scale == scale + 1 ? x->last.scale : scale;
}

/* The bytes of the archive, before anything is sent of what would not be taken in the end. */
static int measure(const Export *x, uint64_t *ret_bytes, Err *err)
{
    const Node *n = tree_root(x->tree);
    uint64_t content = 0, names = 0;

    while (n) {
        names++;
        if (S_ISREG(n->inode->mode))
            content += n->inode->size / n->inode->nlink;
        if (content > x->m->limit_bytes)
            return mount_too_large(x->m, err);
        if (node_is_dir(n) && n->inode->children) {
            n = n->inode->children;
            continue;
        }
        while (n && !n->next)
            n = n->parent;
        n = n ? n->next : NULL;
    }
    *ret_bytes = archive_bytes(names, content);
    return 0;
}

/* A name that goes away between the list and the look at it is an error of the scan. */
static int look(Export *x, Err *err)
{
    for (unsigned n = 1;; n++) {
        tree_free(x->tree);
        x->tree = tree_new();
        if (mount_scan(x->m, x->tree, err) == 0)
            break;
        if (err->kind != ERR_SYS || n == LOOKS_MAX)
            return -1;
    }
    scan_settle(x->tree);
    return 0;
}

static int write_archive(Export *x, Err *err)
{
    cleanup_with(chunker_free_at) Chunker *c = chunker_new(x->scale, add_chunk, x);
    RootFiles files = root_files(x->m->dir_fd);
    LayerWriteOpts o = {.layer = 1, .files = &files.s, .keep_holes = true, .plain = true};
    LayerStats ignored;

    x->pieces.n = 0;
    x->report.bytes = x->report.chunks = 0;
    TRY(layer_write_archive(x->tree, &o, chunker_writer(c), &ignored, err));
    return chunker_finish(c, err);
}

/* Since the archive was written, which left the tree clean? */
static bool has_changed(Export *x)
{
    Err ignored;

    return mount_scan(x->m, x->tree, &ignored) < 0 || tree_root(x->tree)->flags & NODE_DIRTY_BELOW;
}

/*
 * Others may have the directory, too, and write to it while it is read: a file that is longer or
 * shorter by then, or as long, half old and half new. Then it is read again, and what of it was
 * sent is not sent again.
 */
static int read_directory(Export *x, Err *err)
{
    uint64_t bytes;

    TRY(measure(x, &bytes, err));
    x->scale = scale_for(x, bytes);
    for (unsigned n = 1;; n++) {
        int rc = write_archive(x, err);

        if (rc == 0 && !has_changed(x))
            return 0;
        if (rc < 0 && (err->kind != ERR_SYS || x->cannot_send || n == READS_MAX))
            return -1;
        if (n == READS_MAX)
            return err_set(err, ERR_SYS, "somebody writes to it, it changed while it was read");
        TRY(look(x, err));
        TRY(measure(x, &bytes, err));
    }
}

static int put_list(Export *x, Err *err)
{
    cleanup_with(mount_list_done) MountList l = {.scale = x->scale};

    for (size_t i = 0; i < mount_tasks(x->scale); i++, x->sent++)
        TRY(finish_oldest(x, err));
    vec_foreach(p, &x->pieces)
        vec_push(&l.chunks, (*p)->chunk);
    return mount_list_put(x->m->repo, &x->m->key, x->m->id, &l, err);
}

static void export_done(Export *x)
{
    for (size_t i = 0; i < MOUNT_TASKS_MAX; i++)
        if (x->on_way[i])
            mount_pieces_abandon(&x->on_way[i], 1);
    tree_free(x->tree);
    vec_done(&x->pieces);
    map_done(&x->known);
    mount_list_done(&x->last);
    arena_done(&x->arena);
}

static bool is_unchanged(const Export *x, const MountMark *since)
{
    Digest dir;
    Err ignored;

    return mount_mark(x->m->dir_fd, x->tree, &dir, &ignored) == 0 && digest_eq(&dir, &since->dir) &&
           mount_list_is(x->m->repo, &x->m->key, &since->list);
}

int mount_cache_export(const MountPlace *m, bool trust, const MountMark *since, MountReport *ret,
                       Err *err)
{
    cleanup_with(export_done) Export x = {.m = m};

    TRY(look(&x, err));
    if (trust && since && is_unchanged(&x, since)) {
        *ret = (MountReport){.bytes = since->report.bytes, .chunks = since->report.chunks};
        return 0;
    }
    if (trust)
        learn(&x);
    TRY(read_directory(&x, err));
    TRY(put_list(&x, err));
    *ret = x.report;
    return 0;
}
