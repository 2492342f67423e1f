/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/walk.h - read one directory: names with their statx, sorted or not.
 *
 * getdents64 in large blocks and statx relative to the directory: about 0.7 million entries a
 * second and core. Recursion and parallelism are the caller's (tree/scan.c).
 */
#pragma once

#include <dirent.h> /* DT_* */
#include <sys/stat.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Open a directory for reading, whose last component must be no symlink (ENOTDIR). The one safe way
 * to say it: with O_RDONLY | O_DIRECTORY | O_NOFOLLOW gVisor follows the link. Returns a descriptor
 * owned by the caller.
 */
int dir_open_at(int dirfd, const char *name, Err *err) must_check;

typedef struct DirEntry {
    const char *name; /* NUL-terminated, lives as long as the DirList */
    uint64_t ino;
    unsigned char type; /* DT_*; DT_UNKNOWN possible */
} DirEntry;

typedef struct DirList {
    DirEntry *v;
    size_t n;
    size_t cap;
    char *names; /* one block */
    size_t names_n, names_cap;
} DirList;

/*
 * All entries but "." and "..", in no order. 'fd' is an open directory, borrowed, position reset to
 * its start. 'ret' is cleared first and may be reused for the next directory without new
 * allocations.
 */
int dir_list(int fd, DirList *ret, Err *err) must_check;
void dir_list_sort(DirList *l); /* by bytes of the name */
void dir_list_done(DirList *l);
#define cleanup_dir_list cleanup_with(dir_list_done)

/*
 * The same one by one, in constant memory, for directories that are emptied while they are read.
 * The entries that are there from start to end are all seen; what is added or removed meanwhile may
 * be or not.
 */
enum {
    DIR_BLOCK = 32 * 1024 /* bytes: one getdents64 */
};
typedef struct DirCursor {
    int fd;      /* borrowed */
    int64_t off; /* behind the entry last returned: for dir_cursor_seek(), on any descriptor */
    size_t at, n;
    _Alignas(8) char block[DIR_BLOCK];
} DirCursor;

void dir_cursor_init(DirCursor *c, int fd); /* where the descriptor stands */
int dir_cursor_seek(DirCursor *c, int64_t off, Err *err) must_check; /* 0 is the start */
/* Returns 1 with an entry whose name lives until the next call, 0 at the end. */
int dir_cursor_next(DirCursor *c, DirEntry *ret, Err *err) must_check;

/*
 * lstat through statx with everything the scanner compares (STATX_BASIC_STATS | STATX_MNT_ID when
 * the kernel has it: look at stx_mask), AT_STATX_DONT_SYNC. Falls back to fstatat where statx is
 * missing or filtered out.
 */
int stat_at(int dirfd, const char *name, struct statx *ret, Err *err) must_check;
int stat_fd(int fd, struct statx *ret, Err *err) must_check;

static inline int64_t statx_ns(struct statx_timestamp t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
