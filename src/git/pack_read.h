/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git/pack_read.h - a pack (gitformat-pack) unpacked while it comes: every object's bytes into the
 * spool, and its place into the table.
 *
 *      pack bytes -> inflate -> | an object as it is    -> sha1 -> the spool
 *                               | a delta: its base is in the spool already -> sha1 -> the spool
 *
 * One pass, and memory for the table only: whatever the size of an object, it passes in blocks.
 *
 * Errors     ERR_FORMAT for a broken pack, ERR_LIMIT, ERR_SYS of the file, else the Reader's.
 */
#pragma once

#include "git/objects.h"

/* Read a whole pack; 'in' ends with it. May be called again with another. */
int git_pack_read(GitObjects *o, Reader *in, Err *err) must_check;
