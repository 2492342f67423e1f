/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/chunker.h - a stream cut where its content says so (a rolling "gear" hash), so that what is
 * inserted or changed in one place moves no cut elsewhere: all chunks but a few near the change are
 * those of before.
 *
 * A cut is between bytes that the 64 bytes before it decide, at least chunk_min() after the last
 * one and at most chunk_max(); about 384 KiB on the average at scale 0, and twice as far apart at
 * each scale after it. The same bytes give the same cuts at the same scale, always: the table of
 * the hash is part of the format (docs/cache-mounts.md).
 */
#pragma once

#include "base/io.h"

#define CHUNK_SCALE_MAX 4u

/* Bytes. */
static inline size_t chunk_min(unsigned scale)
{
    return (size_t)(128 << 10) << scale;
}
static inline size_t chunk_max(unsigned scale)
{
    return (size_t)(1 << 20) << scale;
}

typedef struct Chunker Chunker;

/* Called with each chunk, in order; the bytes are borrowed for the time of the call. */
typedef int ChunkFn(void *ctx, Str chunk, Err *err);

Chunker *chunker_new(unsigned scale, ChunkFn *fn, void *ctx);
Writer *chunker_writer(Chunker *c);
int chunker_finish(Chunker *c, Err *err) must_check; /* what is left; nothing may follow */
void chunker_free(Chunker *c);
CLEANUP_DEFINE(Chunker, chunker_free);
