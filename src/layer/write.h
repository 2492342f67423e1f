/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer/write.h - what is dirty in a tree -> one layer.
 *
 * Entries come sorted by path, each below the directories that lead to it, which are entries of the
 * layer too. Deleted names are whiteouts; a directory that lost everything it had gets an opaque
 * marker instead of one whiteout a name. A file with several dirty names is written once and
 * linked. Nothing in the bytes depends on the order of readdir, hashing or threads.
 *
 * After layer_write() the tree is clean again and each written file's Content says where in the new
 * layer it is.
 *
 * Errors  those of the source, the disk and the compressor, with the path; ERR_UNSUPPORTED for
 *         names that a layer cannot hold (.wh.*); ERR_CANCELLED after a signal. The tree and the
 *         disk must then be discarded.
 */
#pragma once

#include "layer/compress.h"
#include "layer/disk.h"
#include "layer/listing.h"

/*
 * The bytes of one regular file: those of 'fd' from 'at' on, read by pread. Several files may lie
 * in one descriptor (a spool), so its size and its position mean nothing.
 */
typedef struct OpenFile {
    int fd; /* owned by whoever opened it */
    uint64_t at;
} OpenFile;
void open_file_done(OpenFile *f);
#define cleanup_open_file cleanup_with(open_file_done)
#define OPEN_FILE_NONE \
    {                  \
        .fd = -1       \
    }

/* Where the bytes of a dirty regular file come from. */
typedef struct FileSource FileSource;
struct FileSource {
    int (*open)(FileSource *self, const Node *n, OpenFile *ret, Err *err);
};

typedef struct LayerWriteOpts {
    uint16_t layer;    /* number of the new layer, 1 = lowest */
    FileSource *files; /* borrowed */
    /*
     * Not NULL: every entry is also made on the disk, from the same bytes (COPY onto a materialised
     * root).
     */
    Disk *disk;
    bool keep_holes;  /* large files that are mostly holes become sparse entries (RUN layers) */
    bool clamp;       /* SOURCE_DATE_EPOCH: */
    int64_t clamp_ns; /* times later than this are written as this */
    bool plain;       /* not a layer but any archive: names beginning with .wh. are files */
    Listed *listed;   /* NULL, or made meanwhile */
} LayerWriteOpts;

typedef struct LayerStats {
    uint64_t files;     /* entries, directories that only lead to others not counted */
    uint64_t deletions; /* whiteouts */
} LayerStats;

int layer_write(Tree *t, const LayerWriteOpts *o, Compressor *to, LayerStats *ret, Err *err)
    must_check;

/* The same as archive bytes, into any Writer. */
int layer_write_archive(Tree *t, const LayerWriteOpts *o, Writer *to, LayerStats *ret, Err *err)
    must_check;

/* Files straight from the materialised root, at their own paths. */
typedef struct RootFiles {
    FileSource s;
    int root_fd;
} RootFiles;
RootFiles root_files(int root_fd);
