/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/internal.h - what the files of this module share.
 */
#pragma once

#include <pthread.h>

#include "base/map.h"
#include "store/store.h"

#define STORE_BLOBS "blobs/sha256"
#define STORE_TMP   "tmp"
#define STORE_MARK  "oci-layout" /* and what is locked: a layout gets no file beside its own */
#define STORE_INDEX "index.json"

struct Store {
    char *dir;    /* absolute, so that a later chdir does not matter */
    char *tmp;    /* DIR/tmp  */
    char *mark;   /* DIR/oci-layout */
    int fd;       /* DIR          */
    int blobs_fd; /* DIR/blobs/sha256; -1 when a foreign layout has none */
    bool foreign; /* made by others: read-only, and no blob is believed before it was hashed */

    pthread_mutex_t mutex; /* guards what follows */
    Map verified;          /* foreign: digest -> BlobStamp of what was hashed */
    Arena stamps;
};

/* A Store for a directory that exists; nothing in it is looked at. */
int store_attach(const char *dir, bool foreign, Store **ret, Err *err) must_check;

/* ERR_USAGE without a file 'oci-layout', ERR_UNSUPPORTED for a version that is not 1.x. */
int layout_check_version(int dirfd, const char *dir, Err *err) must_check;

/*
 * A file of the layout itself, appended to ret; ERR_NOT_FOUND, ERR_FORMAT when it is no regular
 * file.
 */
int layout_read(int dirfd, const char *name, Buf *ret, Err *err) must_check;

/* An index.json without entries, under the lock, unless there is one. */
int layout_ensure_index(Store *s, Err *err) must_check;

int blob_hash(int fd, Digest *ret, Err *err) must_check; /* of all that is in the file */

/* Open without verification. */
int blob_open(Store *s, const Digest *d, int *ret_fd, uint64_t *ret_size, Err *err) must_check;

/*
 * A file, or with ret_fd NULL a directory, in DIR/tmp, which is made for it and goes with the last
 * of them (store_free).
 */
int store_temp(Store *s, const char *prefix, struct Temp **ret, int *ret_fd, Err *err) must_check;

/* Remove what crashed processes left in DIR/tmp. Never fails: it is tried again next time. */
void store_sweep(Store *s);
