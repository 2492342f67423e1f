/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/archive_out.h - the file that an archive goes to, and the plain entries both formats share.
 *
 * Calling sequence  archive_out_open(), entries, archive_out_commit(); archive_out_done() always.
 */
#pragma once

#include "os/fd.h"
#include "os/temp.h"
#include "store/store.h"
#include "tar/writer.h"

typedef struct ArchiveOut {
    char *path; /* what 'dest' is in the end: symlinks are followed */
    Temp *temp; /* NULL when written in place: standard output, pipes, devices */
    int fd;
    bool keep_open; /* the descriptor is not ours */
    FdWriter file;
    TarWriter *tar;
} ArchiveOut;

int archive_out_open(const char *dest, ArchiveOut *ret, Err *err) must_check;
int archive_out_dir(ArchiveOut *o, Str name, Err *err) must_check;             /* 0755 */
int archive_out_file(ArchiveOut *o, Str name, Str bytes, Err *err) must_check; /* 0644 */
int archive_out_blob(ArchiveOut *o, Str name, Store *s, const Digest *d, Err *err) must_check;
int archive_out_commit(ArchiveOut *o, Err *err) must_check;
void archive_out_done(ArchiveOut *o); /* without commit nothing is left behind */
#define cleanup_archive_out cleanup_with(archive_out_done)
