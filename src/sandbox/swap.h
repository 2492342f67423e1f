/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/swap.h - RUN --mount where nothing can be mounted: what is asked for is renamed to its
 * place, and afterwards everything is renamed back.
 *
 *      bind    the directory or file itself, or a link to it where a rename would have to cross
 *              file systems
 *      tmpfs   an empty directory, removed afterwards; on whatever file system is there
 *      file    on a tmpfs that the container has, with a link to it (swap_file.h)
 *
 * What was in the place waits in the swap directory meanwhile. Nothing keeps the command from
 * writing to what is read-only; of what must not change it is found out whether it did.
 *
 * Before anything is moved, the swap directory says what is going to be: whoever finds it there
 * when the process that did it is gone, can put things back.
 *
 * Internal to sandbox/; for the supervisor of a run, which is root in the container.
 */
#pragma once

#include "sandbox/mount_points.h"
#include "sandbox/wire.h"

typedef struct SwapEntry {
    unsigned n; /* of the mount; names files in the swap directory */
    SandboxMountKind kind;
    char *place;   /* absolute, without links; owned */
    char *home;    /* bind: where it came from; file: its directory on a tmpfs, or ""; owned */
    char *aside;   /* where what was in the place waits, if there was anything; owned */
    bool had;      /* there was something */
    bool watched;  /* the command should not have changed it */
    int parent_fd; /* the directory that the place is in, wherever that is moved; -1: by its path */
} SwapEntry;

typedef struct Swap {
    char *dir; /* NULL: nothing is swapped; owned */
    VEC(SwapEntry) entries;
    MountPointVec made;
    int64_t since_ns; /* ctime of what the command changes is not before that */
} Swap;

/* All of req->spec.mounts; req->scratch is the swap directory, empty. On failure nothing is. */
int swap_in(Swap *s, const RunRequest *req, Err *err) must_check;

/* Put everything back; goes on after an error, returns the first. *ret_spoiled: see RunResult. */
int swap_out(Swap *s, uint64_t *ret_spoiled, Err *err) must_check;

/* The same for a swap directory that somebody has left; no such directory is no error. */
int swap_recover(const char *dir, Err *err) must_check;
