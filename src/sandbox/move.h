/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/move.h - move everything in one directory into another, around what has to stay.
 *
 * For the inplace sandbox: a container's "/" is emptied into a directory beside it and filled from
 * another, mostly by a few renames. Owners, modes, times, xattrs and hard links are kept also where
 * a rename is not possible. (Renaming changes the ctime of what is renamed.)
 *
 * Foreign paths (foreign.h) are relative to both directories: nothing at or below them is moved,
 * the directories above them exist on both sides afterwards. A mount that the list does not know
 * stays as well.
 *
 * Errors  ERR_SYS with the path; what was moved until then stays moved, and a second call goes on
 *         from there.
 */
#pragma once

#include "base/err.h"
#include "base/vec.h"

/*
 * Move the contents of 'from' into 'to', and give 'to' the owner, mode, xattrs and mtime of 'from'.
 * Directories merge; other names are replaced.
 */
int move_contents(int from, int to, const StrVec *foreign, Err *err) must_check;

/*
 * The same by copying (sharing blocks where the file system can): 'from' stays as it is. Nothing is
 * foreign, 'to' is empty; what is mounted in 'from' is copied as well.
 */
int copy_contents(int from, int to, Err *err) must_check;

/* Remove the contents of 'dir' but for foreign paths and the directories above them. */
int clear_contents(int dir, const StrVec *foreign, Err *err) must_check;
