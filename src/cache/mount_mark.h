/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/mount_mark.h - what a directory looks like without a look into its files: names, inodes,
 * sizes, modes and ctimes of everything below it. Two equal marks of one directory: nothing in it
 * has changed in between. It is the digest of a list that is kept nowhere.
 */
#pragma once

#include "oci/digest.h"
#include "os/pool.h"

/*
 * Whatever is done to the directory after this returns has a later ctime than what was done before:
 * it waits for the clock, some 20 ms.
 */
int mount_mark(int dir_fd, Pool *pool, Digest *ret, Err *err) must_check;
/* The same without waiting, to be compared with an earlier one. */
int mount_mark_now(int dir_fd, Pool *pool, Digest *ret, Err *err) must_check;
