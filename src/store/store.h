/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/store.h - blobs on local disk: an OCI image layout (image-spec, image-layout.md) that
 * serves as scratch space, base-image cache and output.
 *
 *      DIR/oci-layout   DIR/index.json   DIR/blobs/sha256/<hex>
 *      DIR/tmp/         while something is written
 *
 * Invariant  what stands under blobs/ is complete and has the digest it is named by: it was hashed
 *            while it was written to tmp/ and then renamed. Several processes may use one store at
 *            once. For directories made by others see layout_open(): there blobs are hashed when
 *            they are opened.
 * Threads    one Store may be used by many threads.
 * Errors     ERR_SYS wrapped with the path, ERR_DIGEST, ERR_NOT_FOUND, ERR_LIMIT; ERR_USAGE for
 *            writing to a Store that layout_open() gave.
 */
#pragma once

#include "base/io.h"
#include "oci/manifest.h"

typedef struct Store Store;

/*
 * Makes what is missing, and removes what killed processes left in DIR/tmp. A complete store may be
 * on a read-only volume: then only writing to it fails.
 */
int store_open(const char *dir, Store **ret, Err *err) must_check;
void store_free(Store *s);
CLEANUP_DEFINE(Store, store_free);
const char *store_dir(const Store *s); /* absolute */
/* Where nobody works in the store of that directory: all that is temporary there, however new. */
void store_sweep_idle(int dir_fd);

bool store_has(Store *s, const Digest *d, uint64_t *ret_size); /* ret_size may be NULL */
/* For reading, at position 0. ret_size may be NULL. */
int store_open_blob(Store *s, const Digest *d, int *ret_fd, uint64_t *ret_size, Err *err)
    must_check;
/*
 * The same without a look at what is in it: for a caller that hashes the bytes itself while it uses
 * them.
 */
int store_open_blob_unverified(Store *s, const Digest *d, int *ret_fd, Err *err) must_check;
/* Appended to ret, verified again; ERR_LIMIT beyond ret->max. On failure ret is as it was. */
int store_read_blob(Store *s, const Digest *d, Buf *ret, Err *err) must_check;

/* A blob being written: hashed on the way, temporary until committed. */
typedef struct BlobWriter BlobWriter;
int blob_writer_new(Store *s, BlobWriter **ret, Err *err) must_check;
Writer *blob_writer(BlobWriter *b);
int blob_writer_fd(BlobWriter *b);        /* borrowed; for reading back */
uint64_t blob_writer_size(BlobWriter *b); /* bytes in the file so far; from any thread */
int blob_writer_restart(BlobWriter *b, Err *err) must_check; /* drop everything written so far */
/*
 * Check against 'want' (NULL = whatever it is) and 'want_size' (UINT64_MAX = any): ERR_DIGEST. Then
 * rename into place, over what may be there. Once; the descriptor stays good. ret, ret_size may be
 * NULL.
 */
int blob_writer_commit(BlobWriter *b, const Digest *want, uint64_t want_size, Digest *ret,
                       uint64_t *ret_size, Err *err) must_check;
void blob_writer_free(BlobWriter *b); /* removes what was not committed */
CLEANUP_DEFINE(BlobWriter, blob_writer_free);

int store_put(Store *s, Str bytes, Digest *ret, Err *err) must_check; /* a small blob whole */

/*
 * A private directory below DIR/tmp for spool files; removed by temp_remove_all() or with the
 * returned Temp.
 */
struct Temp;
int store_temp_dir(Store *s, struct Temp **ret, Err *err) must_check;

/*
 * Take a blob over from another store, unless it is there: by hard link where the file system and
 * its owner allow, else by copying. Copies are verified, and a layout that others made is always
 * copied.
 */
int store_import(Store *to, Store *from, const Digest *d, Err *err) must_check;
/*
 * The same for a store that may be damaged: what is there is replaced when it has another size
 * than 'size' or, with 'hash', other bytes than its name says.
 */
int store_mend(Store *to, Store *from, const Digest *d, uint64_t size, bool hash, Err *err)
    must_check;
