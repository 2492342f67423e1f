/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/gzip.h - gzip in independent chunks, so that any number of threads gives the same bytes.
 *
 *      header | chunk 0 | chunk 1 | ... | last chunk | crc32 isize          one member (RFC 1952)
 *
 * Each chunk is raw deflate (RFC 1951) primed with the 32 KiB before it and ended by a sync flush;
 * the last one ends the stream. What a chunk compresses to depends on its bytes, the dictionary and
 * the codec only. Threads, queues and files are the caller's business (layer/compress.c).
 *
 * GZIP_FAST was found equal, with ISA-L 2.30, on an AVX-512 CPU and on Nehalem, Westmere, Ivy
 * Bridge, Haswell and EPYC (emulated). CPUs without SSE4.2 write other, equally valid, bytes.
 */
#pragma once

#include "base/io.h"

#define GZIP_CHUNK  ((size_t)512 << 10) /* bytes of input per chunk; decides what is written */
#define GZIP_WINDOW ((size_t)32 << 10)  /* dictionary bytes */

typedef enum GzipCodec {
    GZIP_FAST, /* x86-64: ISA-L level 1, equal bytes on every CPU with SSE4.2; else zlib level 1 */
    GZIP_PORTABLE, /* zlib: equal bytes on every CPU */
} GzipCodec;

/* The compressor's working memory; one per thread. */
typedef struct GzipChunker GzipChunker;

/* level: zlib's 1..9 for GZIP_PORTABLE; GZIP_FAST knows one level and ignores it. */
GzipChunker *gzip_chunker_new(GzipCodec codec, int level);
void gzip_chunker_free(GzipChunker *c);
CLEANUP_DEFINE(GzipChunker, gzip_chunker_free);

/* Output room that gzip_chunk() needs for n bytes of input. */
size_t gzip_chunk_bound(size_t n);

typedef struct GzipChunk {
    Str dict;  /* the up to GZIP_WINDOW bytes that precede 'in' in the stream; empty at its start */
    Str in;    /* at most GZIP_CHUNK bytes */
    bool last; /* ends the stream */
} GzipChunk;

/*
 *  out      gzip_chunk_bound(chunk->in.n) bytes of room; *ret_n of them are used
 *  ret_crc  crc32 of 'in' alone; combine with gzip_crc_combine()
 */
int gzip_chunk(GzipChunker *c, const GzipChunk *chunk, void *out, size_t *ret_n, uint32_t *ret_crc,
               Err *err) must_check;

uint32_t gzip_crc_combine(uint32_t crc_a, uint32_t crc_b, uint64_t n_b);

#define GZIP_HEADER  10
#define GZIP_TRAILER 8

void gzip_header(unsigned char ret[GZIP_HEADER]); /* no name, no time, OS "unknown" */
void gzip_trailer(uint32_t crc, uint64_t n_total, unsigned char ret[GZIP_TRAILER]);
