/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer/apply.h - lay one layer's archive over a tree, and over the disk below it if there is one.
 *
 * Why here     whiteouts (.wh.NAME, .wh..wh..opq), hard links and symlinked parents need the tree;
 *              tar/ knows nothing of images. Rules: OCI image-spec, layer.md.
 * Invariant    nothing outside the root is ever opened, whatever the archive says: names are
 *              resolved in the tree, and the disk is touched through layer/disk.h only.
 * Errors       ERR_FORMAT (bad archive, a name that climbs out of the root, a hard link to
 *              nothing), ERR_LIMIT, ERR_SYS; messages carry the entry's name. The tree and the disk
 *              may then be half changed and must be discarded.
 */
#pragma once

#include "layer/disk.h"
#include "layer/listing.h"
#include "tar/reader.h"

/*
 * A small file that the build itself reads (etc/passwd, etc/group), kept in memory as it passes by.
 */
typedef struct KeptFile {
    Str path;        /* which one; canonical */
    Content content; /* whose bytes 'data' holds; layer 0 = none yet */
    Buf data;        /* its max bounds what is kept: larger files are not */
} KeptFile;

/*
 * The bytes of all regular files of an archive in one file, one after another: Content.offset is
 * then where they begin in it.
 */
typedef struct ApplySpool {
    int fd;      /* borrowed */
    uint64_t at; /* where the next one will begin */
    /* A file has been stored whole; NULL = nobody asks. */
    int (*stored)(void *ctx, const Node *n, Err *err);
    void *ctx;
} ApplySpool;

typedef struct ApplyOpts {
    Tree *tree;
    Disk *disk;        /* NULL: only the tree */
    ApplySpool *spool; /* NULL: only the tree; not together with a disk */
    uint16_t layer;    /* 1 = lowest */
    /*
     * Not a layer but any archive (ADD): names beginning with .wh. are files, and directories that
     * no entry describes keep Node.layer 0.
     */
    bool plain;
    KeptFile *keep; /* n_keep of them; only used without a disk */
    size_t n_keep;
    Listed *listed; /* NULL, or made meanwhile */
} ApplyOpts;

/* Read 'in' (an uncompressed archive) to its end. */
int layer_apply(Reader *in, const ApplyOpts *o, Err *err) must_check;

/*
 * A second pass over a layer for the bytes of single files: 'want' is called for every regular file
 * with its offset (Content.offset) and answers 1 with *ret_fd (borrowed, empty file to be filled)
 * or 0.
 */
typedef int ExtractWant(void *ctx, uint64_t offset, int *ret_fd, Err *err);
int layer_extract(Reader *in, ExtractWant *want, void *ctx, Err *err) must_check;

#define LAYER_WHITEOUT        ".wh."
#define LAYER_WHITEOUT_OPAQUE ".wh..wh..opq"
