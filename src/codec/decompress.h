/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/decompress.h - gzip, zstd, bzip2, xz and plain bytes, read as one kind of stream.
 *
 * gzip is ISA-L on x86-64 and zlib elsewhere; multi-member files are read to their end, and bytes
 * after the last member that are not a member are an error (only zero padding is accepted). All
 * formats are treated so. Of zstd, skippable frames are skipped and formats before 1.0 refused.
 *
 * Ownership  a Decoder borrows the Reader it decodes.
 * Errors     ERR_FORMAT for corrupt or truncated data (crc and length are checked), ERR_LIMIT for a
 *            window or memory need beyond what the format's ordinary tools accept, ERR_UNSUPPORTED
 *            for a zstd dictionary or an xz filter that liblzma lacks, else the inner Reader's.
 * Memory     bounded, whatever the stream says: gzip < 1 MiB, bzip2 < 5 MiB, xz <= 64 MiB
 *            dictionary (xz -9), zstd <= 128 MiB window: what zstd -d takes without --long, what
 *            --ultra -22 makes. Images made by BuildKit have windows of up to 32 MiB, by zstd -3 2
 *            MiB. A window costs as much as the stream fills of it.
 */
#pragma once

#include "base/io.h"

typedef enum Compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_ZSTD,
    COMPRESSION_BZIP2,
    COMPRESSION_XZ,
} Compression;

#define DECODER_ZSTD_WINDOW_LOG 27
#define DECODER_XZ_DICTIONARY   ((size_t)64 << 20)

#define COMPRESSION_MAGIC 6 /* bytes that compression_sniff() wants to see */

/* By magic number; COMPRESSION_NONE when it is none of ours. n may be less than the magic. */
Compression compression_sniff(const void *p, size_t n);
const char *compression_name(Compression c); /* "gzip", ... for messages */

typedef struct Decoder Decoder;

int decoder_new(Compression c, Reader *in, Decoder **ret, Err *err) must_check;

/* Look at the first bytes of 'in' and decode what they say. *ret_c (may be NULL) = what it was. */
int decoder_new_sniff(Reader *in, Decoder **ret, Compression *ret_c, Err *err) must_check;

Reader *decoder_reader(Decoder *d); /* lives as long as d */
void decoder_free(Decoder *d);
CLEANUP_DEFINE(Decoder, decoder_free);
