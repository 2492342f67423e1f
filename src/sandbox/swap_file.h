/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/swap_file.h - a file that the command sees at a path of the container, and whose bytes
 * are on no disk: on a tmpfs, /dev/shm in every container.
 *
 * If the directory of the path is on a tmpfs itself, the file is there. Else it is a link to the
 * file; /run/secrets, where images have none, is a link to the directory, so that what is in it are
 * ordinary files. (No other directory: what the command writes beside a secret belongs to the
 * image.) Where there is no tmpfs it is a file in the container's root until the command ends. So
 * is a program, because runtimes do not let one run from their tmpfs: then the link leads there.
 *
 * Internal to sandbox/.
 */
#pragma once

#include "sandbox/sandbox.h"

#define SWAP_FILE_DIR "kiln-file." /* directories on a tmpfs that belong to nobody else */

/* Is what this descriptor stands for in memory only? */
bool in_memory(int fd);

/* A new directory on a tmpfs; *ret is owned by the caller, NULL when there is none. */
void swap_file_dir(char **ret);
void swap_program_dir(char **ret); /* the same in "/" */

/* Write it as 'name' into the directory. */
int swap_file_write(int dir, const char *name, const SandboxMount *m, Err *err) must_check;
