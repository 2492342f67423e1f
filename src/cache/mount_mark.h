/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/mount_mark.h - what a directory looks like without a look into its files: names, inodes,
 * sizes, modes and ctimes of everything below it. Two equal marks of one directory: nothing in it
 * has changed in between. It is the digest of a list that is kept nowhere.
 *
 * Not seen is what is written through a mapping that was written through before the first mark and
 * has not reached the disk since: the kernel sets the ctime once for that.
 */
#pragma once

#include "oci/digest.h"
#include "tree/tree.h"

/* 't' is what a scan has just found in the directory (tree/scan.h). */
int mount_mark(int dir_fd, Tree *t, Digest *ret, Err *err) must_check;
