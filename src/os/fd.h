/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/fd.h - whole reads and writes on descriptors, and descriptors as streams.
 *
 * Errors  ERR_SYS; the message names the operation, callers wrap it with the path.
 *         ENOSPC and EDQUOT say "No space left on device" like any other: cli/ adds the remedy.
 */
#pragma once

#include "base/io.h"

#define IO_BLOCK ((size_t)256 << 10) /* bytes: what is hashed and copied at a time (fits L2) */

int fd_write_all(int fd, const void *p, size_t n, Err *err) must_check;
int fd_pwrite_all(int fd, const void *p, size_t n, uint64_t at, Err *err) must_check;
int fd_pread_full(int fd, void *p, size_t n, uint64_t at, size_t *ret, Err *err) must_check;

/*
 * Streams over a borrowed descriptor, at its own file position. Non-blocking descriptors are waited
 * for. A signal ends the wait for a pipe, socket or terminal: ERR_CANCELLED.
 */
typedef struct FdReader {
    Reader r;
    int fd;
    bool waits; /* not a regular file: a read may have to wait for somebody */
} FdReader;
typedef struct FdWriter {
    Writer w;
    int fd;
} FdWriter;
FdReader fd_reader(int fd);
FdWriter fd_writer(int fd);

/* A Reader over bytes [at, at+n) of a borrowed descriptor, by pread: positions are not shared. */
typedef struct FdRangeReader {
    Reader r;
    int fd;
    uint64_t at, left;
} FdRangeReader;
FdRangeReader fd_range_reader(int fd, uint64_t at, uint64_t n);

/*
 * Copy a whole file, from position 0, holes kept: copy_file_range where the kernel can, else
 * SEEK_DATA with read/write. 'to' is empty and is extended to the size that 'from' has at the
 * start; ERR_FORMAT when 'from' becomes shorter meanwhile. The position of 'from' is anywhere
 * afterwards. A signal does not stop it: it serves to put things back on the way out, too.
 */
int fd_copy_file(int from, int to, Err *err) must_check;
