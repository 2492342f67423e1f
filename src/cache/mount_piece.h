/* SPDX-License-Identifier: Apache-2.0 */
/* cache/mount_piece.h - what cache/mounts.h's two directions share: one chunk on its way. */
#pragma once

#include "cache/mount_list.h"
#include "cache/mounts.h"
#include "tree/tree.h"

/* A chunk, on its way or not. */
typedef struct MountPiece {
    const MountPlace *m;
    MountChunk chunk;
    unsigned scale;
    Buf bytes;  /* uncompressed: sent, until then; fetched, from then on */
    Task *task; /* NULL: not on the way */
} MountPiece;
typedef VEC(MountPiece *) MountPieceVec;

MountPiece *mount_piece_new(const MountPlace *m, Arena *a, const MountChunk *chunk, unsigned scale);

enum {
    MOUNT_TASKS_MAX = 8
};
/* How many may be on the way at the same time: of large ones fewer. */
size_t mount_tasks(unsigned scale);

/* Tasks for a pool; 'arg' is the piece. What is sent gets its descriptor. */
int mount_piece_send(void *arg, Err *err) must_check;
int mount_piece_fetch(void *arg, Err *err) must_check;
int mount_piece_join(MountPiece *p, Err *err) must_check;
/* Whatever became of them: nothing is left running. */
void mount_pieces_abandon(MountPiece **v, size_t n);

/* Of the mount's directory, into 't'. */
int mount_scan(const MountPlace *m, Tree *t, Err *err) must_check;
/* Always -1, with ERR_LIMIT. */
int mount_too_large(const MountPlace *m, Err *err) must_check;
