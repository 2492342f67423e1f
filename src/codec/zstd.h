/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/zstd.h - zstd compression as a Writer around a Writer (libzstd, its own worker threads).
 *
 * The bytes do not depend on the number of workers: always at least one, fixed job size. A library
 * that was built without workers makes bytes of its own.
 */
#pragma once

#include "base/io.h"

typedef struct ZstdWriter ZstdWriter;

/* level: zstd's 1..22 and negative, 0 = its default (3), ERR_USAGE beyond; workers >= 1. 'out' is
   borrowed. Level 20 and above make windows that a reader needs 32 to 128 MiB for. */
int zstd_writer_new(int level, unsigned workers, Writer *out, ZstdWriter **ret, Err *err)
    must_check;
Writer *zstd_writer(ZstdWriter *z);
int zstd_writer_finish(ZstdWriter *z, Err *err) must_check; /* end the frame; nothing after it */
void zstd_writer_free(ZstdWriter *z);
CLEANUP_DEFINE(ZstdWriter, zstd_writer_free);
