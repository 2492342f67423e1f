/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar/writer.h - entries in, archive bytes out; the same entries give the same bytes, always.
 *
 * No user or group names, no atime, no ctime; mtime to the nanosecond (PAX only when there is a
 * fraction, it is negative or beyond 8^11 s). Directories get their trailing slash here. Bytes that
 * are not UTF-8 go into ustar fields and PAX records as they are (as GNU tar and Go do). What a
 * type does not have (the size of a directory, the device number of a file) is ignored.
 *
 * Calling sequence   tar_writer_entry(), then exactly e->size bytes through tar_writer_data() for
 *                    files, ... , tar_writer_finish().
 * Ownership          borrows its Writer; an entry is not looked at after the call it was given to.
 * Buffering          headers and small pieces are collected: all bytes have reached the Writer only
 *                    when tar_writer_finish() has returned. Large pieces of data are passed on
 *                    without a copy.
 * Errors             the inner Writer's; ERR_LIMIT for names beyond LIMIT_PATH and files beyond
 *                    LIMIT_FILE_SIZE; ERR_UNSUPPORTED for what no archive can say (an empty name, a
 *                    NUL in a name, '=' in the name of an xattr); ERR_FORMAT when the data is not
 *                    as long as the entry said (the file changed while it was read).
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
 * A sparse file (PAX GNU.sparse 1.0, which GNU tar, Go, bsdtar and Python read): only the bytes of
 * the given runs follow through tar_writer_data(), in order. Runs are sorted, do not overlap, and
 * end within e->size (else ERR_FORMAT); at most LIMIT_SPARSE_PARTS. Runs that leave no hole give an
 * ordinary entry.
 */
int tar_writer_sparse(TarWriter *t, const TarEntry *e, const TarRun *runs, size_t n_runs, Err *err)
    must_check;

/* Pads the last file, writes the end blocks; nothing may follow. */
int tar_writer_finish(TarWriter *t, Err *err) must_check;

/* Offset at which the last tar_writer_entry() began, as tar_reader_offset() will give it. */
uint64_t tar_writer_offset(const TarWriter *t);
/* Before any of its data is written: how many bytes of the archive that will be, from where on. */
uint64_t tar_writer_stored(const TarWriter *t, uint64_t *ret_at);
