/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/mounts.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/num.h"
#include "cache/chunker.h"
#include "cache/mount_mark.h"
#include "codec/utf8.h"
#include "codec/zstd.h"
#include "layer/apply.h"
#include "layer/write.h"
#include "tree/scan.h"

#define MEDIA_MOUNT  "application/vnd.kiln.cache-mount.v1"
#define MEDIA_CHUNK  "application/vnd.kiln.cache-mount.chunk.v1+zstd"
#define MEDIA_EMPTY  "application/vnd.oci.empty.v1+json"
#define EMPTY        "{}"
#define NOTE         "dev.kiln.cache-mount."
#define NOTE_VERSION NOTE "version"
#define NOTE_ID      NOTE "id"
#define NOTE_CHUNK   NOTE "chunk" /* of a layer: the digest of its uncompressed bytes */

/* zstd makes what it cannot compress a little longer */
#define PACKED_MAX (CHUNK_MAX + CHUNK_MAX / 64)

/* A chunk, on its way or not. */
typedef struct Piece {
    const MountPlace *m;
    Digest raw;
    Descriptor desc;
    Buf bytes;  /* on the way: uncompressed */
    Task *task; /* NULL: not on the way */
    Annotation note;
} Piece;
typedef VEC(Piece *) PieceVec;

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

/* --- manifests --- */

static bool is_ours(const Manifest *m)
{
    if (!str_eq(m->artifact_type, S(MEDIA_MOUNT)))
        return false;
    for (size_t i = 0; i < m->n_annotations; i++)
        if (str_eq(m->annotations[i].key, S(NOTE_VERSION)))
            return str_eq(m->annotations[i].value, S(MOUNT_FORMAT_VERSION));
    return false;
}

static int read_piece(const MountPlace *m, Arena *a, const Descriptor *d, Piece **ret, Err *err)
{
    Piece *p = arena_new(a, Piece);

    *p = (Piece){.m = m, .desc = *d, .bytes = BUF_INIT(CHUNK_MAX)};
    if (!str_eq(d->media_type, S(MEDIA_CHUNK)) || d->size > PACKED_MAX)
        return err_set(err, ERR_FORMAT, "its list of chunks is damaged");
    TRY(digest_parse(descriptor_annotation(d, NOTE_CHUNK), &p->raw, err));
    *ret = p;
    return 0;
}

/* 1: the chunks of what the repository has, in their order, and the digest of the list. */
static int find_pieces(const MountPlace *m, Arena *a, PieceVec *ret, Digest *ret_list, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    Manifest manifest;
    int found = cache_repo_find(m->repo, &m->key, &text, err);

    TRY(found);
    if (found == 0)
        return 0;
    TRY(manifest_parse(a, str_dup_in(a, buf_str(&text)), &manifest, err));
    if (!is_ours(&manifest) || manifest.n_layers == 0)
        return 0;
    *ret_list = digest_of(buf_str(&text));
    for (size_t i = 0; i < manifest.n_layers; i++) {
        Piece *p;

        TRY(read_piece(m, a, &manifest.layers[i], &p, err));
        vec_push(ret, p); /* NOLINT(bugprone-sizeof-expression): a list of pointers */
    }
    return 1;
}

static void format(const MountPlace *m, const PieceVec *pieces, Buf *out)
{
    Annotation notes[] = {{S(NOTE_VERSION), S(MOUNT_FORMAT_VERSION)}, {S(NOTE_ID), m->id}};
    cleanup_free Descriptor *layers = NEW_N(Descriptor, pieces->n + 1);
    Manifest doc = {.media_type = S(MEDIA_OCI_MANIFEST),
                    .artifact_type = S(MEDIA_MOUNT),
                    .config = {.media_type = S(MEDIA_EMPTY),
                               .digest = digest_of(S(EMPTY)),
                               .size = 2},
                    .layers = layers,
                    .n_layers = pieces->n,
                    .annotations = notes,
                    .n_annotations = utf8_valid(m->id) ? 2 : 1};

    for (size_t i = 0; i < pieces->n; i++) {
        Piece *p = pieces->v[i];

        p->note = (Annotation){S(NOTE_CHUNK), str_from(p->raw.text)};
        layers[i] = (Descriptor){.media_type = S(MEDIA_CHUNK),
                                 .digest = p->desc.digest,
                                 .size = p->desc.size,
                                 .annotations = &p->note,
                                 .n_annotations = 1};
    }
    manifest_format(&doc, out);
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
    cleanup_buf Buf packed = BUF_INIT(PACKED_MAX);
    cleanup_with(zstd_writer_free_at) ZstdWriter *z = NULL;
    BufWriter to = buf_writer(&packed);

    TRY(zstd_writer_new(0, 1, &to.w, &z, err));
    TRY(writer_write(zstd_writer(z), p->bytes.p, p->bytes.n, err));
    TRY(zstd_writer_finish(z, err));
    buf_done(&p->bytes);
    p->desc.digest = digest_of(buf_str(&packed));
    p->desc.size = packed.n;
    return cache_repo_put_blob(p->m->repo, &p->desc, buf_str(&packed), p->m->scratch, err);
}

static int fetch_piece(void *arg, Err *err)
{
    Piece *p = arg;
    cleanup_buf Buf packed = BUF_INIT(PACKED_MAX);
    cleanup_with(decoder_free_at) Decoder *d = NULL;
    MemReader from;
    Digest is;

    TRY(cache_repo_get_blob(p->m->repo, &p->desc, p->m->scratch, &packed, err));
    from = mem_reader(buf_str(&packed));
    TRY(decoder_new(COMPRESSION_ZSTD, &from.r, &d, err));
    TRY(reader_read_all(decoder_reader(d), &p->bytes, "a chunk", err));
    is = digest_of(buf_str(&p->bytes));
    if (!digest_eq(&is, &p->raw))
        return err_set(err, ERR_DIGEST, "a chunk is not what it says: %s instead of %s", is.text,
                       p->raw.text);
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
    Map known; /* digest of uncompressed bytes -> Piece */
    PieceVec pieces;
    Piece *on_way[MOUNT_TASKS]; /* a ring */
    size_t sent;                /* so far */
    bool cannot_send;
    MountReport report;
} Export;

static int finish_oldest(Export *x, Err *err)
{
    Piece *p = x->on_way[x->sent % MOUNT_TASKS];

    if (!p)
        return 0;
    if (join(p, err) < 0) {
        x->cannot_send = true;
        return -1;
    }
    x->on_way[x->sent % MOUNT_TASKS] = NULL;
    x->report.sent_bytes += p->desc.size;
    return 0;
}

static int begin_piece(Export *x, Str bytes, const Digest *raw, Piece **ret, Err *err)
{
    Piece *p;

    TRY(finish_oldest(x, err));
    p = arena_new(&x->arena, Piece);
    *p = (Piece){.m = x->m, .raw = *raw, .bytes = BUF_INIT(CHUNK_MAX)};
    buf_add(&p->bytes, bytes);
    p->task = pool_submit(x->m->io, send_piece, p);
    x->on_way[x->sent++ % MOUNT_TASKS] = p;
    x->report.fresh++;
    (void)map_set(&x->known, str_from(p->raw.text), p);
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
    PieceVec last = {0};
    Digest ignored;
    Err err;

    if (find_pieces(x->m, &x->arena, &last, &ignored, &err) > 0)
        vec_foreach(p, &last)
            if (cache_repo_has_blob(x->m->repo, &(*p)->desc))
                (void)map_set(&x->known, str_from((*p)->raw.text), *p);
    vec_done(&last);
}

/* Before anything is sent of what would not be taken in the end. */
static int check_size(const Export *x, Err *err)
{
    const Node *n = tree_root(x->tree);
    uint64_t total = 0;

    while (n) {
        if (S_ISREG(n->inode->mode))
            total += n->inode->size / n->inode->nlink;
        if (total > x->m->limit_bytes)
            return too_large(x->m, err);
        if (node_is_dir(n) && n->inode->children) {
            n = n->inode->children;
            continue;
        }
        while (n && !n->next)
            n = n->parent;
        n = n ? n->next : NULL;
    }
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
    cleanup_with(chunker_free_at) Chunker *c = chunker_new(add_chunk, x);
    RootFiles files = root_files(x->m->dir_fd);
    LayerWriteOpts o = {.layer = 1, .files = &files.s, .keep_holes = true, .plain = true};
    LayerStats ignored;

    x->pieces.n = 0;
    x->report.bytes = x->report.chunks = 0;
    TRY(check_size(x, err));
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
    for (unsigned n = 1;; n++) {
        int rc = write_archive(x, err);

        if (rc == 0 && !has_changed(x))
            return 0;
        if (rc < 0 && (err->kind != ERR_SYS || x->cannot_send || n == READS_MAX))
            return -1;
        if (n == READS_MAX)
            return err_set(err, ERR_SYS, "somebody writes to it, it changed while it was read");
        TRY(look(x, err));
    }
}

static int put_manifest(Export *x, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    Descriptor config = {.media_type = S(MEDIA_EMPTY),
                         .digest = digest_of(S(EMPTY)),
                         .size = sizeof(EMPTY) - 1};
    CacheWrite w = {.keys = &x->m->key, .n_keys = 1, .config = &config, .config_json = S(EMPTY)};

    for (size_t i = 0; i < MOUNT_TASKS; i++, x->sent++)
        TRY(finish_oldest(x, err));
    format(x->m, &x->pieces, &text);
    TRY(buf_check(&text, "its manifest", err));
    w.manifest = buf_str(&text);
    return cache_repo_put(x->m->repo, &w, err);
}

static void export_done(Export *x)
{
    for (size_t i = 0; i < MOUNT_TASKS; i++)
        if (x->on_way[i])
            abandon(&x->on_way[i], 1);
    tree_free(x->tree);
    vec_done(&x->pieces);
    map_done(&x->known);
    arena_done(&x->arena);
}

static bool is_unchanged(const Export *x, const MountMark *since)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    Digest dir, list;
    Err ignored;

    if (mount_mark(x->m->dir_fd, x->tree, &dir, &ignored) < 0 || !digest_eq(&dir, &since->dir) ||
        cache_repo_find(x->m->repo, &x->m->key, &text, &ignored) <= 0)
        return false;
    list = digest_of(buf_str(&text));
    return digest_eq(&list, &since->list);
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
    TRY(put_manifest(&x, err));
    *ret = x.report;
    return 0;
}

/* --- in --- */

typedef struct Import {
    Reader r;
    const MountPlace *m;
    Arena arena;
    PieceVec pieces;
    size_t begun, at; /* pieces: fetched or being so; the one that is read */
    size_t used;      /* bytes of that one */
    bool ready;       /* it is there */
    MountReport report;
} Import;

static bool is_on_way(const Import *x, const Digest *d)
{
    for (size_t i = x->at; i < x->begun; i++)
        if (digest_eq(&x->pieces.v[i]->desc.digest, d))
            return true;
    return false;
}

static void begin_more(Import *x)
{
    while (x->begun < x->pieces.n && x->begun < x->at + MOUNT_TASKS &&
           !is_on_way(x, &x->pieces.v[x->begun]->desc.digest)) {
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
    x->report.sent_bytes += p->desc.size;
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
    int found = find_pieces(m, &x.arena, &x.pieces, &ret->list, err);

    if (found <= 0)
        return found;
    TRY(lay_out(&x, err));
    TRY(mark(m, &ret->dir, err));
    ret->report = x.report;
    return 1;
}
