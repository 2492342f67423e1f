/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git/spool.h - the file that takes the bytes of everything fetched, one thing behind the other. It
 * only grows; where a thing is in it, its maker remembers.
 *
 * Ownership  a GitSpool is shared by the objects of a repository and its submodules; one
 *            GitSpoolWriter at a time.
 * Errors     ERR_LIMIT beyond LIMIT_CONTEXT, ERR_SYS of the file.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "codec/sha1.h"

typedef struct GitSpool {
    int fd;       /* owned by whoever made it */
    uint64_t end; /* of what has been written */
} GitSpool;

typedef struct GitPart {
    uint64_t at, size; /* in the spool */
} GitPart;

/* Bytes that are in memory, behind everything else. */
int git_spool_add(GitSpool *spool, Str bytes, GitPart *ret, Err *err) must_check;

/* Collects blocks, and hashes what passes. What it has not flushed is not in the file yet. */
typedef struct GitSpoolWriter {
    GitSpool *spool; /* borrowed */
    Sha1 *sum;       /* owned; begun and ended by the caller */
    char *block;     /* owned; IO_BLOCK bytes */
    size_t n;
} GitSpoolWriter;

GitSpoolWriter git_spool_writer(GitSpool *borrowed);
void git_spool_writer_done(GitSpoolWriter *w);
int git_spool_write(GitSpoolWriter *w, const void *p, size_t n, Err *err) must_check;
int git_spool_flush(GitSpoolWriter *w, Err *err) must_check;

/* Whether that many bytes more may come: asked before a size that was only announced. */
int git_spool_room(const GitSpoolWriter *w, uint64_t size, Err *err) must_check;

static inline uint64_t git_spool_end(const GitSpoolWriter *w)
{
    return w->spool->end + w->n;
}
