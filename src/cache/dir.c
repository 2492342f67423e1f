/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/dir.h"

#include <fcntl.h>

#include "os/fd.h"
#include "os/file.h"
#include "os/lock.h"

static Str lock_path(Arena *a, const char *kiln_dir)
{
    return str_fmt_in(a, "%s/lock", kiln_dir);
}

int cache_dir_open(const char *kiln_dir, Store **ret, int *ret_lock, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_close int lock = -1;

    TRY(dir_make_all(AT_FDCWD, kiln_dir, 0700, err));
    TRY(lock_file(lock_path(&a, kiln_dir).p, LOCK_SHARED, &lock, err));
    TRY(store_open(str_fmt_in(&a, "%s/store", kiln_dir).p, ret, err));
    *ret_lock = steal_fd(&lock);
    return 0;
}

int cache_dir_lock_alone(const char *kiln_dir, void (*wait)(const char *kiln_dir), int *ret_lock,
                         Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    const char *path = lock_path(&a, kiln_dir).p;
    int locked = lock_file_try(path, LOCK_EXCLUSIVE, ret_lock, err);

    if (locked != 0 || !wait)
        return locked;
    wait(kiln_dir);
    TRY(lock_file(path, LOCK_EXCLUSIVE, ret_lock, err));
    return 1;
}
