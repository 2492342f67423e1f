/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/flate.h - raw deflate (RFC 1951) and the crc of gzip, by one of two libraries.
 *
 * zlib is everywhere; ISA-L, about 2.5 times as fast to read and six times to write, is x86-64's.
 * Both are built and tested where both exist. Internal to codec/: decode_gzip.c and gzip.c are the
 * users.
 *
 * Errors     ERR_FORMAT "gzip: ..." for data that is not deflate.
 * Ownership  new() is freed with free() of the same table.
 */
#pragma once

#include "base/err.h"
#include "base/mem.h"

typedef enum FlateStep {
    FLATE_MORE, /* call again, with more input when there is none left */
    FLATE_END,  /* the stream's last block is complete and all of it has been put out */
} FlateStep;

typedef struct Inflater {
    const char *name;
    void *(*new)(void);
    void (*reset)(void *z); /* for the next stream */
    void (*free)(void *z);
    /*
     * Inflate from the *n bytes at *p, which advance by what was consumed, into 'out' (room of
     * n_out > 0 bytes; *ret_n of them are used). With FLATE_END *p stands right after the stream:
     * it may then lie up to FEED_BEHIND bytes before where it was, since the engine reads ahead.
     */
    int (*step)(void *z, const unsigned char **p, size_t *n, unsigned char *out, size_t n_out,
                size_t *ret_n, Err *err);
    uint32_t (*crc32)(uint32_t crc, const void *p, size_t n);
} Inflater;

typedef struct FlateChunk {
    const void *dict; /* the bytes before 'in', at most 32 KiB; n_dict may be 0 */
    size_t n_dict;
    const void *in;
    size_t n_in;
    bool last; /* end the stream, instead of a sync flush */
} FlateChunk;

typedef struct Deflater {
    const char *name;
    void *(*new)(int level);
    void (*free)(void *z);
    /* The bytes written depend on the chunk and the level alone. Too little room is an error. */
    int (*chunk)(void *z, const FlateChunk *c, unsigned char *out, size_t room, size_t *ret_n,
                 Err *err);
    uint32_t (*crc32)(uint32_t crc, const void *p, size_t n);
} Deflater;

extern const Inflater inflate_zlib;
extern const Deflater deflate_zlib;

#ifdef __x86_64__
extern const Inflater inflate_isal;
extern const Deflater deflate_isal;
#endif

/* The faster one of this machine: flate_isal.c or flate_plain.c, whichever is built. */
const Inflater *inflate_fast(void);
const Deflater *deflate_fast(void);
