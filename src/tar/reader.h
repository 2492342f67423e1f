/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar/reader.h - archive bytes in, entries out, in one pass.
 *
 * Calling sequence   while ((r = tar_reader_next(t, &e, err)) > 0) { read e.size bytes or none }
 *                    What was not read of an entry is skipped by the next call.
 * Ownership          a TarReader borrows its Reader. A TarEntry's strings and xattrs live until the
 *                    next tar_reader_next() or tar_reader_free().
 * Errors             ERR_FORMAT (bad checksum, number or record, truncated, unknown critical type),
 *                    ERR_LIMIT (LIMIT_* of base/limits.h), ERR_UNSUPPORTED (a sparse or
 *                    multi-volume format of another tar), all with the entry's name, as far as it
 *                    is known, and offset; else the Reader's.
 * Hostile input      names are not judged here: "../x" and "" are given as they are. No size in a
 *                    header ever decides an allocation beyond its LIMIT_.
 * Ambiguity          where tar programs disagree on where an entry ends or what it is called, Go's
 *                    archive/tar is followed, because that is how image layers are read everywhere
 *                    else: links, directories and devices have no data whatever their size says; a
 *                    PAX size decides for the entry alone, never for the headers between; GNU long
 *                    names win over PAX paths; a second PAX header replaces the first. PAX global
 *                    headers set uid, gid and mtime; one that names or sizes files is refused.
 *                    Vendor types (A-Z) are skipped with their data.
 */
#pragma once

#include "tar/tar.h"

typedef struct TarReader TarReader;

TarReader *tar_reader_new(Reader *in);
void tar_reader_free(TarReader *t);
CLEANUP_DEFINE(TarReader, tar_reader_free);

/*
 * 1: *ret is the next entry. 0: the end of the archive (two zero blocks, or the end of the stream
 * between entries); the Reader has then been read to its very end. -1: *err.
 */
int tar_reader_next(TarReader *t, TarEntry *ret, Err *err) must_check;

/*
 * The current file's logical bytes; holes read as zeros. Ends after ret->size bytes. Lives as long
 * as the TarReader, always the same one.
 */
Reader *tar_reader_data(TarReader *t);

/*
 * The same data as runs, for writers that want to keep holes: fills [*ret_at, *ret_at + k) of the
 * file with the k (at most n) bytes put into buf. Returns k > 0, 0 at the end of the data, -1.
 * Bytes between runs are holes, as is what follows the last run up to the entry's size. Do not mix
 * with tar_reader_data() on one entry.
 */
ssize_t tar_reader_run(TarReader *t, uint64_t *ret_at, void *buf, size_t n, Err *err) must_check;

/*
 * Offset of the current entry's first header block (extended headers included, global ones not) in
 * the archive: names the entry for a later second pass.
 */
uint64_t tar_reader_offset(const TarReader *t);

/*
 * Bytes that the archive has of the current entry's data, and where they begin; to be asked before
 * any of them is read.
 */
uint64_t tar_reader_stored(const TarReader *t, uint64_t *ret_at);

/* true when the first 512 bytes could begin an archive: a valid header checksum. */
bool tar_looks_like(const void *block, size_t n);
