/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/mount_points.h - directories and files made in a root only to be mounted on, and removed
 * without a trace.
 *
 * Between make and remove the directories they are in keep their mtime, and afterwards they have
 * the one that the command left: a mount point is never a change of the image. (ctime moves: a scan
 * must look at what changed, not only that something did.) A mount point that the command has put
 * something into stays.
 *
 * Internal to sandbox/. All paths are resolved inside the root.
 */
#pragma once

#include "base/err.h"
#include "base/vec.h"

typedef struct MountPoint {
    int parent_fd; /* open directory; owned */
    char *name;    /* owned */
    bool is_dir;
} MountPoint;

typedef VEC(MountPoint) MountPointVec;

/*
 * See that 'path' exists in the root, as a directory or a file: what is missing is made (parents
 * too; the target of a dangling symlink) and noted in 'made'. Something else that is in the way is
 * left alone, which is no error.
 */
int mount_point_make(int root_fd, const char *path, bool is_dir, MountPointVec *made, Err *err)
    must_check;

/* Remove what was made, last first, and free the list. */
void mount_points_remove(MountPointVec *made);
#define cleanup_mount_points cleanup_with(mount_points_remove)
