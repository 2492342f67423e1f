/* SPDX-License-Identifier: Apache-2.0 */
/* Out of a repository into a directory: the pieces are read as one archive. */
#include "cache/mount_mark.h"
#include "cache/mount_piece.h"
#include "layer/apply.h"
#include "tree/scan.h"

typedef struct Import {
    Reader r;
    const MountPlace *m;
    Arena arena;
    MountList list;
    MountPieceVec pieces;
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
    while (x->begun < x->pieces.n && x->begun < x->at + mount_tasks(x->list.scale) &&
           !is_on_way(x, &x->pieces.v[x->begun]->chunk.desc.digest)) {
        MountPiece *p = x->pieces.v[x->begun++];

        p->task = pool_submit(x->m->io, mount_piece_fetch, p);
    }
}

static int next_piece(Import *x, Err *err)
{
    MountPiece *p = x->pieces.v[x->at];

    begin_more(x);
    TRY(mount_piece_join(p, err));
    x->report.bytes += p->bytes.n;
    x->report.sent_bytes += p->chunk.desc.size;
    x->report.chunks++;
    x->ready = true;
    x->used = 0;
    return x->report.bytes > x->m->limit_bytes ? mount_too_large(x->m, err) : 0;
}

static ssize_t read_pieces(Reader *self, void *buf, size_t n, Err *err)
{
    Import *x = (Import *)self;

    while (x->at < x->pieces.n) {
        MountPiece *p = x->pieces.v[x->at];
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
        mount_pieces_abandon(x->pieces.v + x->at, x->begun - x->at);
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

    TRY(mount_scan(m, t, err));
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
        vec_push(&x.pieces, mount_piece_new(m, &x.arena, c, x.list.scale));
    TRY(lay_out(&x, err));
    TRY(mark(m, &ret->dir, err));
    ret->list = x.list.digest;
    ret->report = x.report;
    return 1;
}
