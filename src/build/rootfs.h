/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/rootfs.h - one stage's root file system: the tree, the layers it came from, and the disk
 * when there is one.
 *
 *      layers (blobs)  --rootfs_load-->    tree  [and disk]
 *                      --edits, RUN-->     dirty tree
 *                      --rootfs_commit-->  one more layer
 *
 * The disk is made only when a command is going to run (lazy disk). Whatever is not on a disk can
 * be read back out of the layers.
 */
#pragma once

#include "build/image.h"
#include "build/spool.h"
#include "layer/apply.h"
#include "layer/write.h"
#include "tree/scan.h"

typedef struct Rootfs {
    Builder *b;
    ImageLayerVec layers;
    Tree *tree;       /* NULL until loaded */
    size_t loaded;    /* so many of the layers are in the tree, and on the disk if there is one */
    Root *root;       /* NULL: not on a disk; owned by the sandbox, released by rootfs_free() */
    bool stamped;     /* the tree knows the disk's stamps */
    KeptFile keep[2]; /* etc/passwd, etc/group while there is no disk */
} Rootfs;

Rootfs *rootfs_new(Builder *b); /* empty: scratch */
Rootfs *rootfs_from_image(Builder *b, const BaseImage *i);
/*
 * A stage FROM another: same layers. Takes the other's disk along; with keep_source the source can
 * still be read (COPY --from), out of its layers then.
 */
Rootfs *rootfs_derive(Rootfs *from, bool keep_source);
void rootfs_free(Rootfs *r);
CLEANUP_DEFINE(Rootfs, rootfs_free);

/* Its files leave the disk: only the layers are still good. */
void rootfs_drop_disk(Rootfs *r);

/* One more layer, which is only read when somebody wants to look into the files. */
void rootfs_add_cached(Rootfs *r, const ImageLayer *l);
/* The stage is done: a disk that lacks such layers is let go. */
void rootfs_settle(Rootfs *r);

/*
 * Fill the tree, and the disk as well with 'disk'; in one pass over the layers where both are
 * wanted.
 */
int rootfs_load(Rootfs *r, bool disk, Err *err) must_check;

/* Its disk, if it has one, is what stands where commands run. */
int rootfs_activate(Rootfs *r, Err *err) must_check;

/*
 * A regular file's bytes; *ret_found false when there is no such file. Symlinks are followed inside
 * the root.
 */
int rootfs_read(Rootfs *r, Str path, Buf *ret, bool *ret_found, Err *err) must_check;

/*
 * Write what is dirty as one more layer. 'files': where dirty files come from; NULL = the disk
 * itself (after a RUN).
 */
int rootfs_commit(Rootfs *r, FileSource *files, LayerStats *ret_stats, ImageLayer *ret, Err *err)
    must_check;

/* Options for scanning the disk of a materialised root. */
ScanOpts rootfs_scan_opts(const Rootfs *r);

/*
 * Regular files of a rootfs opened by node: from its disk, or out of its layers by way of a spool.
 * 'wanted': those that will be opened.
 */
typedef struct RootfsFiles {
    FileSource s;
    Rootfs *from;
    int disk_fd; /* -1: */
    Spool spool;
} RootfsFiles;

int rootfs_files_open(Rootfs *from, const NodeVec *wanted, RootfsFiles *ret, Err *err) must_check;
void rootfs_files_done(RootfsFiles *f);
