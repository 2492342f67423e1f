/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/store.h - blobs on local disk: an OCI image layout (image-spec, image-layout.md) that serves as scratch space, base-image
 * cache and output.
 *
 *      DIR/oci-layout   DIR/index.json   DIR/blobs/sha256/<hex>   DIR/tmp/   DIR/lock
 *
 * Invariant  what stands under blobs/ is complete and has the digest it is named by: it was hashed while it was
 *            written to tmp/ and then renamed. Several processes may use one store at once.
 * Threads    one Store may be used by many threads.
 * Errors     ERR_SYS wrapped with the path, ERR_DIGEST, ERR_NOT_FOUND, ERR_LIMIT.
 */
#pragma once

#include "base/io.h"
#include "oci/manifest.h"

typedef struct Store Store;

int store_open(const char *dir, Store **ret, Err *err) must_check; /* makes what is missing */
void store_free(Store *s);
CLEANUP_DEFINE(Store, store_free);
const char *store_dir(const Store *s);

bool store_has(Store *s, const Digest *d, uint64_t *ret_size); /* ret_size may be NULL */
int store_open_blob(Store *s, const Digest *d, int *ret_fd, uint64_t *ret_size, Err *err)
    must_check;
int store_read_blob(Store *s, const Digest *d, Buf *ret, Err *err) must_check; /* verified again */

/* A blob being written: hashed on the way, temporary until committed. */
typedef struct BlobWriter BlobWriter;
int blob_writer_new(Store *s, BlobWriter **ret, Err *err) must_check;
Writer *blob_writer(BlobWriter *b);
int blob_writer_fd(BlobWriter *b);                           /* borrowed; for reading back */
uint64_t blob_writer_size(BlobWriter *b);                    /* bytes so far */
int blob_writer_restart(BlobWriter *b, Err *err) must_check; /* drop everything written so far */
/* Flush, check against 'want' (NULL = whatever it is; else ERR_DIGEST) and 'want_size' (UINT64_MAX = any), rename into place. */
int blob_writer_commit(BlobWriter *b, const Digest *want, uint64_t want_size, Digest *ret,
                       uint64_t *ret_size, Err *err) must_check;
void blob_writer_free(BlobWriter *b); /* removes what was not committed */
CLEANUP_DEFINE(BlobWriter, blob_writer_free);

int store_put(Store *s, Str bytes, Digest *ret, Err *err) must_check; /* a small blob whole */

/* A private directory below DIR/tmp for spool files; removed by temp_remove_all() or with the returned Temp. */
struct Temp;
int store_temp_dir(Store *s, struct Temp **ret, Err *err) must_check;

/* Copy a blob from another store (hard link where the file system can). Verified unless linked from a kiln store. */
int store_import(Store *to, Store *from, const Digest *d, Err *err) must_check;
