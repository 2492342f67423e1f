/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer/compress.h - the uncompressed archive of a layer in, a blob in the store out:
 *
 *      archive bytes -> sha256 (diff id) -> chunks -> compressors on the pool -> sha256 (digest) ->
 *      store
 *
 * One pass: nothing is hashed, compressed or written twice. The bytes do not depend on the number
 * of threads. At most pool_threads() + 2 chunks are in flight (about 1.7 MB each), whatever the
 * size of the layer.
 */
#pragma once

#include "codec/gzip.h"
#include "oci/manifest.h"
#include "os/pool.h"
#include "store/store.h"

typedef struct LayerCodec {
    Compression kind; /* COMPRESSION_NONE, _GZIP or _ZSTD */
    GzipCodec gzip;
    int level;
    bool docker; /* Docker's media types instead of OCI's */
} LayerCodec;

typedef struct LayerBlob {
    Descriptor desc; /* media_type is a literal */
    Digest diff_id;
    uint64_t unpacked_bytes; /* of the archive */
} LayerBlob;

typedef struct Compressor Compressor;

/* 'pool' is borrowed; the calling thread must not be one of its own. */
int compressor_new(Store *s, Pool *pool, const LayerCodec *codec, Compressor **ret, Err *err)
    must_check;
Writer *compressor_writer(Compressor *c);
int compressor_finish(Compressor *c, LayerBlob *ret, Err *err)
    must_check;                      /* the blob is in the store */
void compressor_free(Compressor *c); /* waits for its tasks; what was not finished is removed */
CLEANUP_DEFINE(Compressor, compressor_free);
