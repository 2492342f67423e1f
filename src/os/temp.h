/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/temp.h - temporary files and directories that are gone when their scope ends, however it ends:
 * by return, by error, or by a signal that main() turns into an orderly exit (temp_remove_all()).
 *
 * A registry of live names remembers the process that made them: a forked child never deletes its
 * parent's, whatever it calls here. Thread-safe.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

typedef struct Temp Temp;

/*
 * "DIR/PREFIX.XXXXXX", mode 0600 / 0700. 'dir' must exist; the path is kept absolute or as given.
 */
int temp_file(const char *dir, const char *prefix, Temp **ret, int *ret_fd, Err *err) must_check;
int temp_dir(const char *dir, const char *prefix, Temp **ret, Err *err) must_check;
const char *temp_path(const Temp *t);

/*
 * rename(2) to its final name (same file system); the Temp is then spent but must still be freed.
 * On failure it is as it was. Once per Temp.
 */
int temp_commit(Temp *t, const char *final_path, Err *err) must_check;

void temp_free(Temp *t); /* removes what was not committed; directories with everything in them */
CLEANUP_DEFINE(Temp, temp_free);

/*
 * Every live Temp of this process, while other threads may still be at work; for the way out only:
 * from now on the functions above fail with ERR_CANCELLED.
 */
void temp_remove_all(void);
