/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/digests.h - what files were hashed to by earlier builds with the same kiln directory.
 *
 * A file is known again by its file system, as that calls itself, and device, inode number, size,
 * mtime and ctime: nothing but the kernel sets a ctime, and every change sets it. What is not quite
 * so is left out, and hashed each time:
 *
 *      changed within the last minute before it was hashed
 *                        a second change may fall into the same tick of the clock; and what is
 *                        written through a mapping sets the ctime once until it reaches the disk
 *      not on a file system that this kernel has on a disk: a network's clock is another one, and
 *                        tmpfs never reaches a disk
 *      a ctime of a whole second
 *                        is what tools write that make file systems as files: two of them may agree
 *                        in all that is above, and not in what is in the files
 *
 *      KILN-DIR/digests = header, records, SHA-256 of all of that
 *
 * The file is written without care: what is damaged or of another version counts as empty, and of
 * two builds that write it at once one loses. The records not used for longest go first.
 *
 * Threads   one object, one thread.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#define DIGESTS_NAME "digests" /* in the kiln directory */

typedef struct FileStamp {
    uint64_t dev, ino, size;
    int64_t mtime_ns, ctime_ns;
} FileStamp;

typedef struct Digests Digests;

/* 'now_ns' is before anything is hashed. Never NULL, never an error: see above. */
Digests *digests_open(const char *kiln_dir, int64_t now_ns);
void digests_free(Digests *d);
CLEANUP_DEFINE(Digests, digests_free);

/* Can the file be known again? 'fd' is a descriptor of it. To be asked before what follows. */
bool digests_may_keep(Digests *d, const FileStamp *s, int fd);
/* 64 hex digits, or "" when it is not known. Lives as long as d. */
Str digests_find(Digests *d, const FileStamp *s);
void digests_add(Digests *d, const FileStamp *s, Str hex);
/* When there is enough that is new; else, if any was of use, the file gets the time of now. */
int digests_save(Digests *d, Err *err) must_check;
