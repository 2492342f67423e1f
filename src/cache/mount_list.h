/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/mount_list.h - what a repository has of one cache mount: its chunks, in the order in which
 * they make an archive. It is a manifest (docs/cache-mounts.md).
 */
#pragma once

#include "base/vec.h"
#include "cache/chunker.h"
#include "cache/repo.h"

#define MOUNT_FORMAT_VERSION "2"

/* zstd makes what it cannot compress a little longer */
#define MOUNT_CHUNK_PACKED_MAX(scale) (chunk_max(scale) + chunk_max(scale) / 64) /* bytes */

typedef struct MountChunk {
    Digest raw;      /* of the uncompressed bytes; these are at most chunk_max() */
    Descriptor desc; /* of the blob; at most MOUNT_CHUNK_PACKED_MAX */
} MountChunk;
typedef VEC(MountChunk) MountChunkVec;

typedef struct MountList {
    MountChunkVec chunks;
    unsigned scale; /* at which they were cut */
    Digest digest;  /* of the manifest */
} MountList;
void mount_list_done(MountList *l);

/* 1; 0: nothing is there that this version of kiln understands. ERR_FORMAT: it is damaged. */
int mount_list_find(CacheRepo *repo, const CacheKey *key, Arena *a, MountList *ret, Err *err)
    must_check;
/* The same whether it is still that of 'digest'. */
bool mount_list_is(CacheRepo *repo, const CacheKey *key, const Digest *digest);
/* Put it there in one request. 'id' is for people. 'digest' is not looked at. */
int mount_list_put(CacheRepo *repo, const CacheKey *key, Str id, const MountList *l, Err *err)
    must_check;
