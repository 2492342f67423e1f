/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/mount.h - the value of RUN --mount.
 *
 * It is read twice. Before the build, with no Expander, only the CSV and 'from' count: other values
 * may hold variables, so nothing else is looked at (but the target is kept for messages). When the
 * instruction runs, with an Expander, every value but that of 'from' is expanded and everything is
 * checked.
 *
 * Errors  ERR_SYNTAX.
 */
#pragma once

#include "dockerfile/expand.h"

typedef enum MountType {
    MOUNT_TYPE_BIND,
    MOUNT_TYPE_CACHE,
    MOUNT_TYPE_TMPFS,
    MOUNT_TYPE_SECRET,
    MOUNT_TYPE_SSH,
    MOUNT_TYPE_COUNT,
} MountType;

typedef enum MountSharing {
    MOUNT_SHARING_SHARED, /* also when nothing was said */
    MOUNT_SHARING_PRIVATE,
    MOUNT_SHARING_LOCKED,
    MOUNT_SHARING_COUNT,
} MountSharing;

typedef struct RunMount {
    MountType type;
    Str from;           /* stage, named context or image; "" = the type's default */
    Str source, target; /* "" = not given; target is as written, perhaps relative to WORKDIR */
    Str id;
    Str env; /* secret: the variable's name */
    bool has_env;
    bool read_only; /* the type's default where nothing was said: bind, secret and ssh are */
    bool required;
    bool has_sharing;
    MountSharing sharing;
    bool has_mode, has_uid, has_gid; /* else the type's default applies */
    uint32_t mode, uid, gid;
    uint64_t size_bytes; /* tmpfs; 0 = no limit of its own */
} RunMount;              /* strings live in the arena, or in the text */

const char *mount_type_name(MountType t); /* "cache" */

/* x NULL: the first reading, which fills 'from', and 'target' as it is written. */
int mount_parse(Arena *a, Str text, const Expander *x, RunMount *ret, Err *err) must_check;
