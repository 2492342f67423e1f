/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/asked_mounts.h - RUN --mount where there is mount(2): what the user asked for, made on
 * top of what every RUN has.
 *
 *      bind            a bind mount; 'discard': an overlay whose upper directory is thrown away,
 *                      or a copy where overlayfs cannot be mounted
 *      tmpfs           a tmpfs
 *      file            a file on a tmpfs of its own, bound read-only to its place
 *
 * Internal to sandbox/.
 */
#pragma once

#include "sandbox/mount_points.h"
#include "sandbox/wire.h"

/*
 * In the root, before the run: the mount points that are missing, but for those that will lie in
 * another mount.
 */
int asked_mounts_points(int root_fd, const RunSpec *spec, MountPointVec *made, Err *err) must_check;

/* Does some mount need RunRequest.scratch? */
bool asked_mounts_need_scratch(const RunSpec *spec);

/* In the supervisor, before the root is entered. In order, the later over the earlier. */
int asked_mounts_make(int root, const RunRequest *req, Err *err) must_check;
