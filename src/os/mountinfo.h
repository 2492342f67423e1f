/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/mountinfo.h - the mount table of this process, /proc/self/mountinfo decoded
 * (proc_pid_mountinfo(5)).
 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"

typedef struct Mount {
    Str point; /* where, relative to the process's root; octal escapes decoded */
    Str root;  /* which part of the file system is mounted */
    Str type;  /* "overlay", "proc", ... */
    Str source;
    Str options;    /* of the file system, comma between them */
    bool read_only; /* per-mount or per-superblock */
} Mount;

typedef struct MountTable {
    Arena arena; /* owns the strings */
    VEC(Mount) mounts;
} MountTable;

/*
 * 'ret' is empty before; ERR_FORMAT with the number of the line. The table does not point into
 * 'text'.
 */
int mountinfo_parse(Str text, MountTable *ret, Err *err) must_check;
int mountinfo_read(MountTable *ret, Err *err) must_check; /* of this process */
void mount_table_done(MountTable *t);
#define cleanup_mount_table cleanup_with(mount_table_done)
