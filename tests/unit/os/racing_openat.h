/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/os/racing_openat.h - an openat() that tells before it acts, so that a race can be lost
 * on purpose. It takes the place of libc's in the whole test program; include it in one file.
 */
#pragma once

#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

static void (*before_openat)(const char *name);

int openat(int dirfd, const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list ap;

    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {
        va_start(ap, flags);
        mode = va_arg(ap, mode_t);
        va_end(ap);
    }
    if (before_openat)
        before_openat(path);
    return (int)syscall(SYS_openat, dirfd, path, flags, mode);
}
