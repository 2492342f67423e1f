/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/mounts.h - directories of RUN --mount=type=cache in a cache repository
 * (docs/cache-mounts.md): an archive of the directory, cut into chunks by its content, each
 * compressed and named by its digest, in the order of a manifest's layers.
 *
 * Incremental  a chunk that the last manifest names is neither compressed nor sent again. Chunks
 *              are about 384 KiB, so that a small change costs little, and larger where there would
 *              be too many for a manifest (directories beyond 1.25 GiB).
 * Races        chunks are named by what is in them and the manifest comes last, in one request: of
 *              two builds the later one wins, and nobody ever sees half of either.
 * Memory       at most 32 MiB of chunks (of directories beyond 5 GiB: 64), besides the tree of the
 *              directory.
 * Hostile      what a repository has is checked against its digests and 'limit_bytes', and written
 *              with layer/disk.h: never outside the directory.
 * Errors       for the caller to warn of; a cache is never a reason to fail.
 */
#pragma once

#include "cache/repo.h"
#include "os/pool.h"

#define MOUNT_LIMIT_MAX ((uint64_t)20 << 30) /* bytes: what the chunks of one manifest can hold */

typedef struct MountPlace {
    CacheRepo *repo; /* one that cache_repo_keeps_blobs() */
    CacheKey key;
    Str id;               /* for people */
    int dir_fd;           /* borrowed */
    uint64_t limit_bytes; /* of the archive; at most MOUNT_LIMIT_MAX */
    bool may_chown;       /* false: files have one owner here (sandbox.h) */
    Store *scratch;       /* private to the call */
    Pool *pool;           /* for scanning; borrowed */
    Pool *io;             /* for chunks; borrowed */
} MountPlace;

/* The name in a repository of a mount's directory: 'mount' is its key in the kiln directory. */
CacheKey mount_cache_key(Str mount, const Platform *platform);

typedef struct MountReport {
    uint64_t bytes;         /* of the archive */
    uint64_t chunks, fresh; /* all, and those that were sent */
    uint64_t sent_bytes;    /* compressed */
} MountReport;

/* What was brought back, and how the directory looked then (cache/mount_mark.h). */
typedef struct MountMark {
    Digest dir, list;   /* list: the repository's manifest */
    MountReport report; /* of the import */
} MountMark;

/*
 * 'trust': chunks that the repository's last manifest names are there. With 'since' (or NULL)
 * nothing is read where neither the directory nor what the repository has is another than then.
 *
 * Others may write to the directory meanwhile. It is read once more when its stamps have changed
 * (tree/scan.h), and not exported when they do so again: ERR_SYS. Not seen is what is written
 * through a mapping that was written through before the export, and has not reached the disk since;
 * nor on NFS what another machine writes while this one's view of a file is kept, some seconds.
 */
int mount_cache_export(const MountPlace *m, bool trust, const MountMark *since, MountReport *ret,
                       Err *err) must_check;

/* 1: the directory, which was empty, holds what was exported; 0: nothing is there for it. -1: it
   may hold some of it. */
int mount_cache_import(const MountPlace *m, MountMark *ret, Err *err) must_check;
