/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two passes over the archive: the headers fill a tree, which is merged into the image's; then the
 * bytes of the files that survived are spooled, because the layer wants them sorted.
 */
#include "build/unpack.h"

#include "layer/apply.h"
#include "os/fd.h"

static int decode(int fd, FdReader *raw, Decoder **ret, Err *err)
{
    if (lseek(fd, 0, SEEK_SET) < 0)
        return err_sys(err, "seek");
    *raw = fd_reader(fd);
    return decoder_new_sniff(&raw->r, ret, NULL, err);
}

/*
 * Compressed bytes that cannot be decoded are no archive either: the file is then copied as it is.
 */
static bool looks_like_archive(int fd)
{
    cleanup_with(decoder_free_at) Decoder *d = NULL;
    char block[TAR_BLOCK];
    FdReader raw;
    size_t n;
    Err err;

    if (decode(fd, &raw, &d, &err) < 0 ||
        reader_read_full(decoder_reader(d), block, sizeof(block), &n, &err) < 0)
        return false;
    return tar_looks_like(block, n);
}

static int open_spooled(FileSource *self, const Node *n, int *ret_fd, Err *err)
{
    return spool_file(&((Unpacked *)self)->spool, 1, n->inode->content.offset, ret_fd, err);
}

static int read_headers(Unpacked *u, int fd, Err *err)
{
    cleanup_with(decoder_free_at) Decoder *d = NULL;
    ApplyOpts o = {.tree = u->tree, .layer = 1, .plain = true};
    FdReader raw;

    TRY(decode(fd, &raw, &d, err));
    return layer_apply(decoder_reader(d), &o, err);
}

int unpacked_open(int fd, Unpacked **ret, Err *err)
{
    cleanup_with(unpacked_free_at) Unpacked *u = NULL;

    if (!looks_like_archive(fd))
        return 0;
    u = NEW(Unpacked);
    u->fd = -1;
    u->s.open = open_spooled;
    u->tree = tree_new();
    TRY(read_headers(u, fd, err));
    u->fd = fd;
    *ret = steal_ptr(&u);
    return 1;
}

int unpacked_fetch(Unpacked *u, Store *store, const NodeVec *files, Err *err)
{
    cleanup_with(decoder_free_at) Decoder *d = NULL;
    cleanup_free uint64_t *offsets = NEW_N(uint64_t, files->n);
    FdReader raw;

    if (files->n == 0)
        return 0; /* directories and links only */
    for (size_t i = 0; i < files->n; i++)
        offsets[i] = files->v[i]->inode->content.offset;
    TRY(spool_open(store, &u->spool, err));
    TRY(decode(u->fd, &raw, &d, err));
    return spool_extract(&u->spool, decoder_reader(d), 1, offsets, files->n, err);
}

void unpacked_free(Unpacked *u)
{
    if (!u)
        return;
    spool_done(&u->spool);
    tree_free(u->tree);
    close_at(&u->fd);
    free(u);
}
