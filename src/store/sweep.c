/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A build that is killed leaves what it was writing. On a cache volume that would add up, so each
 * process that opens a store removes the remains of others: files that no writer holds locked and
 * that nobody touched for an hour (the hour covers the moment between creating and locking, and
 * file systems without locks), and spool directories after a week.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "os/file.h"
#include "os/lock.h"
#include "os/walk.h"
#include "store/internal.h"

enum {
    FILE_AGE_S = 3600,
    DIR_AGE_S = 7 * 24 * 3600
};

/* For writing: see os/lock.c. */
static bool is_abandoned(int tmp_fd, const char *name)
{
    cleanup_close int fd = openat(tmp_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    return fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) == 0 || lock_is_missing(errno));
}

static void sweep_entry(int tmp_fd, const char *name, time_t now)
{
    struct stat st;
    Err ignored;

    if (fstatat(tmp_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (S_ISREG(st.st_mode) && strncmp(name, "blob.", 5) == 0) {
        if (now - st.st_mtime > FILE_AGE_S && is_abandoned(tmp_fd, name))
            (void)unlinkat(tmp_fd, name, 0);
    } else if (S_ISDIR(st.st_mode) && strncmp(name, "spool.", 6) == 0) {
        if (now - st.st_mtime > DIR_AGE_S && dir_remove_all(tmp_fd, name, &ignored) < 0)
            return;
    }
}

static void sweep(int store_fd, time_t now)
{
    cleanup_close int fd = openat(store_fd, STORE_TMP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_dir_list DirList list = {0};
    Err ignored;

    if (fd < 0 || dir_list(fd, &list, &ignored) < 0)
        return;
    for (size_t i = 0; i < list.n; i++)
        sweep_entry(fd, list.v[i].name, now);
}

void store_sweep(Store *s)
{
    sweep(s->fd, time(NULL));
}

void store_sweep_idle(int dir_fd)
{
    sweep(dir_fd, INT64_MAX / 2); /* everything is old */
    (void)unlinkat(dir_fd, STORE_TMP, AT_REMOVEDIR);
}
