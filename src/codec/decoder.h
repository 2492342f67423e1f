/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/decoder.h - what decompress.c and the formats (decode_*.c) share. Internal to codec/.
 *
 * Every format is a row: its magic is looked at by decompress.c before each member (stream, frame:
 * formats differ in the word), then begin() and step() until DECODE_END, and so on to the end of
 * the input. Only step() is hot.
 */
#pragma once

#include "codec/decompress.h"
#include "codec/feed.h"
#include "codec/flate.h"

typedef enum DecodeStep {
    DECODE_MORE,
    DECODE_END, /* of this member; the next byte of the feed is not its */
} DecodeStep;

typedef struct DecoderFormat {
    Compression compression;
    void *(*new)(void);
    void (*free)(void *state);
    int (*begin)(Decoder *d, Err *err);
    /*
     * Decode from d->feed into 'out' (n_out > 0 bytes of room, *ret_n of them used; 0 on entry).
     * The feed is empty only when the input has ended: nothing put out, and no DECODE_END, then
     * means that the data is truncated.
     */
    int (*step)(Decoder *d, unsigned char *out, size_t n_out, size_t *ret_n, Err *err);
} DecoderFormat;

struct Decoder {
    Reader r;
    const DecoderFormat *format; /* NULL for plain bytes */
    void *state;                 /* the format's */
    bool in_member;
    bool any_member; /* one has ended */
    bool ended;
    unsigned char *block; /* decoded and not yet asked for: n bytes at pos */
    size_t pos, n;
    Feed feed;
};

extern const DecoderFormat format_gzip, format_zstd, format_bzip2, format_xz;

/* Tests read gzip by each engine. */
int decoder_new_gzip(const Inflater *engine, Reader *in, Decoder **ret, Err *err) must_check;

/* "gzip: truncated"; returns -1. */
int decoder_truncated(const Decoder *d, Err *err);
