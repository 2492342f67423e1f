/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/mounts.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/num.h"
#include "cache/chunker.h"
#include "cache/mount_list.h"
#include "cache/mount_mark.h"
#include "codec/zstd.h"
#include "layer/apply.h"
#include "layer/write.h"
#include "tree/scan.h"

/* At scale 0 a manifest's chunks hold this and some more; each scale holds twice as much. */
#define SCALE_0_BYTES ((uint64_t)1280 << 20)
_Static_assert(SCALE_0_BYTES << CHUNK_SCALE_MAX == MOUNT_LIMIT_MAX, "the largest scale");

enum {
    TASKS = 8,              /* chunks on their way at the same time */
    BYTES_ON_WAY = 16 << 20 /* of them, uncompressed */
};

/* A chunk, on its way or not. */
typedef struct Piece {
    const MountPlace *m;
    MountChunk chunk;
    unsigned scale;
    Buf bytes;  /* on the way: uncompressed */
    Task *task; /* NULL: not on the way */
} Piece;
typedef VEC(Piece *) PieceVec;

static size_t tasks_at(unsigned scale)
{
    size_t n = BYTES_ON_WAY / chunk_max(scale);

    return n > TASKS ? TASKS : n < 2 ? 2 : n;
}

CacheKey mount_cache_key(Str mount, const Platform *platform)
{
    cleanup_arena Arena a = ARENA_INIT;
    KeyMaker k = key_begin("cache-mount", &a, NULL);

    key_add(&k, "version", S(MOUNT_FORMAT_VERSION));
    key_add(&k, "mount", mount);
    key_add(&k, "os", platform->os);
    key_add(&k, "arch", platform->arch);
    key_add(&k, "variant", platform->variant);
    return key_end(&k);
}

static int scan(const MountPlace *m, Tree *t, Err *err)
{
    ScanOpts o = {.root_fd = m->dir_fd, .ignore_owner = !m->may_chown, .pool = m->pool};

    return scan_changes(t, &o, err);
}

static Piece *new_piece(const MountPlace *m, Arena *a, const MountChunk *chunk, unsigned scale)
{
    Piece *p = arena_new(a, Piece);

    *p = (Piece){.m = m, .chunk = *chunk, .scale = scale, .bytes = BUF_INIT(chunk_max(scale))};
    return p;
}

/* --- tasks --- */

static int join(Piece *p, Err *err)
{
    return p->task ? task_join(steal_ptr(&p->task), err) : 0;
}

/* Whatever became of them: nothing is left running. */
static void abandon(Piece **v, size_t n)
{
    Err ignored;

    for (size_t i = 0; i < n; i++) {
        (void)!join(v[i], &ignored);
        buf_done(&v[i]->bytes);
    }
}

static int send_piece(void *arg, Err *err)
{
    Piece *p = arg;
    cleanup_buf Buf packed = BUF_INIT(MOUNT_CHUNK_PACKED_MAX(p->scale));
    cleanup_with(zstd_writer_free_at) ZstdWriter *z = NULL;
    BufWriter to = buf_writer(&packed);

    TRY(zstd_writer_new(0, 1, &to.w, &z, err));
    TRY(writer_write(zstd_writer(z), p->bytes.p, p->bytes.n, err));
    TRY(zstd_writer_finish(z, err));
    buf_done(&p->bytes);
    p->chunk.desc.digest = digest_of(buf_str(&packed));
    p->chunk.desc.size = packed.n;
    return cache_repo_put_blob(p->m->repo, &p->chunk.desc, buf_str(&packed), p->m->scratch, err);
}

static int fetch_piece(void *arg, Err *err)
{
    Piece *p = arg;
    cleanup_buf Buf packed = BUF_INIT(MOUNT_CHUNK_PACKED_MAX(p->scale));
    cleanup_with(decoder_free_at) Decoder *d = NULL;
    MemReader from;
    Digest is;

    TRY(cache_repo_get_blob(p->m->repo, &p->chunk.desc, p->m->scratch, &packed, err));
    from = mem_reader(buf_str(&packed));
    TRY(decoder_new(COMPRESSION_ZSTD, &from.r, &d, err));
    TRY(reader_read_all(decoder_reader(d), &p->bytes, "a chunk", err));
    is = digest_of(buf_str(&p->bytes));
    if (!digest_eq(&is, &p->chunk.raw))
        return err_set(err, ERR_DIGEST, "a chunk is not what it says: %s instead of %s", is.text,
                       p->chunk.raw.text);
    return 0;
}

/* --- out --- */

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
    Map known;      /* digest of uncompressed bytes -> Piece */
    unsigned scale;
    PieceVec pieces;
    Piece *on_way[TASKS]; /* a ring of tasks_at(scale) */
    size_t sent;          /* so far */
    bool cannot_send;
    MountReport report;
} Export;

static int finish_oldest(Export *x, Err *err)
{
    Piece **oldest = &x->on_way[x->sent % tasks_at(x->scale)], *p = *oldest;

    if (!p)
        return 0;
    if (join(p, err) < 0) {
        x->cannot_send = true;
        return -1;
    }
    *oldest = NULL;
    x->report.sent_bytes += p->chunk.desc.size;
    return 0;
}

static int begin_piece(Export *x, Str bytes, const Digest *raw, Piece **ret, Err *err)
{
    MountChunk chunk = {.raw = *raw};
    Piece *p;

    TRY(finish_oldest(x, err));
    p = new_piece(x->m, &x->arena, &chunk, x->scale);
    buf_add(&p->bytes, bytes);
    p->task = pool_submit(x->m->io, send_piece, p);
    x->on_way[x->sent++ % tasks_at(x->scale)] = p;
    x->report.fresh++;
    (void)map_set(&x->known, str_from(p->chunk.raw.text), p);
    *ret = p;
    return 0;
}

static int too_large(const MountPlace *m, Err *err)
{
    return err_set(err, ERR_LIMIT, "it is larger than %s", num_format_bytes(m->limit_bytes).z);
}

static int add_chunk(void *ctx, Str bytes, Err *err)
{
    Export *x = ctx;
    Digest raw = digest_of(bytes);
    Piece *p = map_find(&x->known, str_from(raw.text));

    x->report.bytes += bytes.n;
    if (x->report.bytes > x->m->limit_bytes)
        return too_large(x->m, err);
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
                          new_piece(x->m, &x->arena, c, x->last.scale));
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
            return too_large(x->m, err);
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
        if (scan(x->m, x->tree, err) == 0)
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

    return scan(x->m, x->tree, &ignored) < 0 || tree_root(x->tree)->flags & NODE_DIRTY_BELOW;
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

    for (size_t i = 0; i < tasks_at(x->scale); i++, x->sent++)
        TRY(finish_oldest(x, err));
    vec_foreach(p, &x->pieces)
        vec_push(&l.chunks, (*p)->chunk);
    return mount_list_put(x->m->repo, &x->m->key, x->m->id, &l, err);
}

static void export_done(Export *x)
{
    for (size_t i = 0; i < TASKS; i++)
        if (x->on_way[i])
            abandon(&x->on_way[i], 1);
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

/* --- in --- */

typedef struct Import {
    Reader r;
    const MountPlace *m;
    Arena arena;
    MountList list;
    PieceVec pieces;
    size_t begun, at; /* pieces: fetched or being so; the one that is read */
    size_t used;      /* bytes of that one */
    bool ready;       /* it is there */
    MountReport report;
} Import;

static bool is_on_way(const Import *x, const Digest *d)
{
    for (size_t i = x->at; i < x->begun; i++)
        if (digest_eq(&x->pieces.v[i]->chunk.desc.digest, d))
            return true;
    return false;
}

static void begin_more(Import *x)
{
    while (x->begun < x->pieces.n && x->begun < x->at + tasks_at(x->list.scale) &&
           !is_on_way(x, &x->pieces.v[x->begun]->chunk.desc.digest)) {
        Piece *p = x->pieces.v[x->begun++];

        p->task = pool_submit(x->m->io, fetch_piece, p);
    }
}

static int next_piece(Import *x, Err *err)
{
    Piece *p = x->pieces.v[x->at];

    begin_more(x);
    TRY(join(p, err));
    x->report.bytes += p->bytes.n;
    x->report.sent_bytes += p->chunk.desc.size;
    x->report.chunks++;
    x->ready = true;
    x->used = 0;
    return x->report.bytes > x->m->limit_bytes ? too_large(x->m, err) : 0;
}

static ssize_t read_pieces(Reader *self, void *buf, size_t n, Err *err)
{
    Import *x = (Import *)self;

    while (x->at < x->pieces.n) {
        Piece *p = x->pieces.v[x->at];
        size_t left;

        if (!x->ready)
            TRY(next_piece(x, err));
        left = p->bytes.n - x->used;
        if (left) {
            n = n < left ? n : left;
            memcpy(buf, p->bytes.p + x->used, n);
            x->used += n;
            return (ssize_t)n;
        }
        buf_done(&p->bytes);
        x->ready = false;
        x->at++;
    }
    return 0;
}

static void import_done(Import *x)
{
    if (x->pieces.n)
        abandon(x->pieces.v + x->at, x->begun - x->at);
    vec_done(&x->pieces);
    mount_list_done(&x->list);
    arena_done(&x->arena);
}

static int lay_out(Import *x, Err *err)
{
    cleanup_with(tree_free_at) Tree *t = tree_new();
    DiskOpts on = {.root_fd = x->m->dir_fd, .may_chown = x->m->may_chown};
    cleanup_with(disk_free_at) Disk *disk = disk_new(t, &on);
    ApplyOpts o = {.tree = t, .disk = disk, .layer = 1, .plain = true};

    TRY(layer_apply(&x->r, &o, err));
    return disk_finish(disk, err);
}

/* How it looks now, such that whatever is done to it from here on makes it look different. */
static int mark(const MountPlace *m, Digest *ret, Err *err)
{
    cleanup_with(tree_free_at) Tree *t = tree_new();

    TRY(scan(m, t, err));
    scan_settle(t);
    return mount_mark(m->dir_fd, t, ret, err);
}

int mount_cache_import(const MountPlace *m, MountMark *ret, Err *err)
{
    cleanup_with(import_done) Import x = {.r = {read_pieces}, .m = m};
    int found = mount_list_find(m->repo, &m->key, &x.arena, &x.list, err);

    if (found <= 0)
        return found;
    vec_foreach(c, &x.list.chunks)
        vec_push(&x.pieces, new_piece(m, &x.arena, c, x.list.scale));
    TRY(lay_out(&x, err));
    TRY(mark(m, &ret->dir, err));
    ret->list = x.list.digest;
    ret->report = x.report;
    return 1;
}
