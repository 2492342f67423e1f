/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar/writer.h - entries in, archive bytes out; the same entries give the same bytes, always.
 *
 * No user or group names, no atime, no ctime; mtime to the nanosecond (PAX only when there is a fraction, it is
 * negative or beyond 8^11 s). Directories get their trailing slash here. Bytes that are not UTF-8 go into ustar fields
 * and PAX records as they are (as GNU tar and Go do).
 *
 * Calling sequence   tar_writer_entry(), then exactly e->size bytes through tar_writer_data() for
 *                    files, ... , tar_writer_finish().
 * Ownership          borrows its Writer.
 * Errors             the inner Writer's; ERR_LIMIT for names beyond LIMIT_PATH.
 */
#pragma once

#include "tar/tar.h"

typedef struct TarWriter TarWriter;

TarWriter *tar_writer_new(Writer *out);
void tar_writer_free(TarWriter *t);
CLEANUP_DEFINE(TarWriter, tar_writer_free);

int tar_writer_entry(TarWriter *t, const TarEntry *e, Err *err) must_check;
int tar_writer_data(TarWriter *t, const void *p, size_t n, Err *err) must_check;

/*
 * A sparse file (PAX GNU.sparse 1.0, which GNU tar, Go, bsdtar and Python read): only the bytes of the given
 * runs follow through tar_writer_data(), in order. Runs are sorted, do not overlap, and end within e->size.
 */
typedef struct TarRun {
    uint64_t at, n;
} TarRun;
int tar_writer_sparse(TarWriter *t, const TarEntry *e, const TarRun *runs, size_t n_runs, Err *err)
    must_check;

/* Pads the last file, writes the end blocks; nothing may follow. */
int tar_writer_finish(TarWriter *t, Err *err) must_check;

/* Offset at which the last tar_writer_entry() began, as tar_reader_offset() will give it. */
uint64_t tar_writer_offset(const TarWriter *t);
