/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/contents.h - what is in files: each is hashed once a build, many side by side.
 *
 * With the digest the file's stamp is kept (inode, size, mtime, ctime, taken before and after), so
 * that it can be told afterwards whether a layer was made from the same bytes. A file that was
 * changed so lately that its ctime could not tell another change is waited for: a few milliseconds,
 * or a second where the file system knows only whole ones.
 *
 * Threads    one Contents, one thread; the hashing is done by the pool's.
 * Errors     those of the source; ERR_FORMAT for a file that changes while it is read.
 */
#pragma once

#include "cache/digests.h"
#include "layer/write.h"
#include "os/pool.h"
#include "tree/tree.h"

typedef struct Contents Contents;

/*
 * Both are borrowed; the calling thread must not be one of the pool's. 'known', of earlier builds,
 * may be NULL.
 */
Contents *contents_new(Pool *cpu, Digests *known);
void contents_free(Contents *c);
CLEANUP_DEFINE(Contents, contents_free);

/* Hash those that were not yet; of other types than regular files none may be there. */
int contents_hash(Contents *c, FileSource *from, const NodeVec *files, Err *err) must_check;

/* The SHA-256 of a file that comes from elsewhere is known: it is neither opened nor hashed. */
void contents_know(Contents *c, const Node *file, Str hex);

/* The SHA-256 of a file that was hashed, as 64 hex digits. */
Str contents_digest(const Contents *c, const Node *file);

/* 1 when one of them is not the file any more that was hashed, with its name; 0 when all are. */
int contents_changed(const Contents *c, FileSource *from, const NodeVec *files, const Node **ret,
                     Err *err) must_check;
