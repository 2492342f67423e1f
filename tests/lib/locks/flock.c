/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To be preloaded: flock() as on other file systems. LAB_FLOCK says on which.
 *
 *      nfs    a lock on a range of the file is made of it, which the descriptor must allow; none on directories
 *      none   there are no locks
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int flock(int fd, int operation)
{
    const char *on = getenv("LAB_FLOCK");
    int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
    struct stat st;

    if (on && !strcmp(on, "none")) {
        errno = ENOLCK;
        return -1;
    }
    if (on && !strcmp(on, "nfs") && !(operation & LOCK_UN) &&
        (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
         mode == (operation & LOCK_EX ? O_RDONLY : O_WRONLY))) {
        errno = EBADF;
        return -1;
    }
    return (int)syscall(SYS_flock, fd, operation);
}
