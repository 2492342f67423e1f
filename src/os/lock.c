/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flock(2) would wait in the kernel, where a thread that blocks signals cannot be called back. So
 * we ask again and again, and sleep in poll() on signal_fd() between.
 *
 * Somebody may remove the file while we wait for it: a lock on a name that is gone guards nothing,
 * so after locking the name must still lead to the file that was locked.
 */
#include "os/lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "os/signal.h"

enum {
    WAIT_FIRST_MS = 2,
    WAIT_MOST_MS = 200
};

/*
 * A shared lock needs no right to write: the store may be a read-only volume. An exclusive one does
 * on NFS, which makes a lock on a range of the file out of it.
 */
static int open_lock_file(const char *path, LockMode mode)
{
    int access_mode = mode == LOCK_EXCLUSIVE ? O_RDWR : O_RDONLY;

    return open(path, access_mode | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
}

bool lock_is_missing(int os_errno)
{
    return os_errno == ENOLCK || os_errno == EOPNOTSUPP || os_errno == ENOSYS;
}

static int cannot_lock(const char *path, Err *err)
{
    if (lock_is_missing(errno))
        return err_sys(err, "the file system of %s has no locks", path);
    return err_sys(err, "lock %s", path);
}

static bool is_still(const char *path, int fd)
{
    struct stat name, file;

    return stat(path, &name) == 0 && fstat(fd, &file) == 0 && name.st_dev == file.st_dev &&
           name.st_ino == file.st_ino;
}

int lock_file_try(const char *path, LockMode mode, int *ret_fd, Err *err)
{
    for (;;) {
        cleanup_close int fd = open_lock_file(path, mode);

        if (fd < 0)
            return err_sys(err, "open %s", path);
        if (flock(fd, (mode == LOCK_EXCLUSIVE ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
            if (errno == EWOULDBLOCK)
                return 0;
            if (errno != EINTR)
                return cannot_lock(path, err);
        } else if (is_still(path, fd)) {
            *ret_fd = steal_fd(&fd);
            return 1;
        }
        TRY(signal_check(err));
    }
}

int lock_file(const char *path, LockMode mode, int *ret_fd, Err *err)
{
    for (int wait_ms = WAIT_FIRST_MS;;
         wait_ms = wait_ms * 2 < WAIT_MOST_MS ? wait_ms * 2 : WAIT_MOST_MS) {
        struct pollfd p = {.fd = signal_fd(), .events = POLLIN};
        int got = lock_file_try(path, mode, ret_fd, err);

        if (got < 0)
            return -1;
        if (got > 0)
            return 0;
        (void)poll(&p, 1, wait_ms); /* a descriptor of -1 is ignored: a plain sleep */
        if (signal_check(err) < 0)
            return err_wrap(err, "waiting for the lock %s", path);
    }
}
