/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/chase.h - open paths inside an image root without ever leaving it.
 *
 * Two ways to the same answer: openat2(2) where the kernel has it, and a walk component by
 * component with O_NOFOLLOW (gVisor and old kernels answer ENOSYS). KILN_NO_OPENAT2=1 in the
 * environment forces the walk, so that tests run both.
 *
 * Paths     relative to the root, with or without a leading '/'; "" or "/" is the root.
 * Errors    ERR_SYS with the path; ELOOP beyond LIMIT_SYMLINK_HOPS.
 * Races     the root may be changed by others meanwhile: the answer is then some path inside the
 *           root or an error (EAGAIN), never one outside.
 * Magic     links of /proc (self/fd/3, self/exe) are not followed to what they stand for: ELOOP by
 *           the kernel, and the walk takes them for ordinary symlinks with the text that readlink
 *           gives.
 */
#pragma once

#include "base/path.h"

/*
 * Follow symlinks as if root_fd were "/" (absolute targets restart there, ".." stops there), the
 * last component too unless flags has O_NOFOLLOW. flags and mode as for open(2); O_CLOEXEC is
 * added. O_CREAT works only where the parent exists. Returns a descriptor owned by the caller, or
 * -1.
 */
int chase_open(int root_fd, const char *path, int flags, mode_t mode, Err *err) must_check;

/*
 * The path must hold no symlink: ELOOP when a component is one; EXDEV when ".." would leave the
 * root. Mount points are crossed like any directory. The fast way for paths that the Tree has
 * already resolved. flags as above; with O_PATH | O_NOFOLLOW the last component may itself be a
 * symlink.
 */
int chase_beneath(int root_fd, const char *path, int flags, mode_t mode, Err *err) must_check;

/* Look at the kernel and the environment again; done by itself at the first use. For tests. */
void chase_choose(void);
bool chase_uses_openat2(void);
