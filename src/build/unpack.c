/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two passes over the archive: the headers fill a tree, which is merged into the image's; then the
 * bytes of the files that survived are spooled, because the layer wants them sorted.
 */
#include "build/unpack.h"

#include "layer/apply.h"
#include "os/fd.h"

static int decode(const OpenFile *f, uint64_t size, FdRangeReader *raw, Decoder **ret, Err *err)
{
    *raw = fd_range_reader(f->fd, f->at, size);
    return decoder_new_sniff(&raw->r, ret, NULL, err);
}

/*
 * Compressed bytes that cannot be decoded are no archive either: the file is then copied as it is.
 */
static bool looks_like_archive(const OpenFile *f, uint64_t size)
{
    cleanup_with(decoder_free_at) Decoder *d = NULL;
    char block[TAR_BLOCK];
    FdRangeReader raw;
    size_t n;
    Err err;

    if (decode(f, size, &raw, &d, &err) < 0 ||
        reader_read_full(decoder_reader(d), block, sizeof(block), &n, &err) < 0)
        return false;
    return tar_looks_like(block, n);
}

static int open_spooled(FileSource *self, const Node *n, OpenFile *ret, Err *err)
{
    return spool_file(&((Unpacked *)self)->spool, 1, n->inode->content.offset, ret, err);
}

static int read_headers(Unpacked *u, const OpenFile *f, Err *err)
{
    cleanup_with(decoder_free_at) Decoder *d = NULL;
    ApplyOpts o = {.tree = u->tree, .layer = 1, .plain = true};
    FdRangeReader raw;

    TRY(decode(f, u->size, &raw, &d, err));
    return layer_apply(decoder_reader(d), &o, err);
}

int unpacked_open(OpenFile *file, uint64_t size, Unpacked **ret, Err *err)
{
    cleanup_with(unpacked_free_at) Unpacked *u = NULL;

    if (!looks_like_archive(file, size))
        return 0;
    u = NEW(Unpacked);
    u->file.fd = -1;
    u->size = size;
    u->s.open = open_spooled;
    u->tree = tree_new();
    TRY(read_headers(u, file, err));
    u->file = (OpenFile){steal_fd(&file->fd), file->at};
    *ret = steal_ptr(&u);
    return 1;
}

int unpacked_fetch(Unpacked *u, Store *store, const NodeVec *files, Err *err)
{
    cleanup_with(decoder_free_at) Decoder *d = NULL;
    cleanup_free uint64_t *offsets = NEW_N(uint64_t, files->n);
    FdRangeReader raw;

    if (files->n == 0)
        return 0; /* directories and links only */
    for (size_t i = 0; i < files->n; i++)
        offsets[i] = files->v[i]->inode->content.offset;
    TRY(spool_open(store, &u->spool, err));
    TRY(decode(&u->file, u->size, &raw, &d, err));
    TRY(spool_extract(&u->spool, decoder_reader(d), 1, offsets, files->n, err));
    open_file_done(&u->file); /* it has been read: many archives need not hold many descriptors */
    return 0;
}

void unpacked_free(Unpacked *u)
{
    if (!u)
        return;
    spool_done(&u->spool);
    tree_free(u->tree);
    open_file_done(&u->file);
    free(u);
}
