/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every transfer is finished or fails: short counts are continued and EINTR is survived, unless a
 * signal has asked kiln to stop. Regular files are read without further ado; what can make us wait
 * for somebody else (a pipe, a socket, a terminal) is polled together with signal_fd() first,
 * because a signal that comes just before a blocking read(2) would not interrupt it.
 */
#include "os/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "os/signal.h"

static int wait_ready(int fd, short events, Err *err)
{
    for (;;) {
        struct pollfd p[2] = {{.fd = fd, .events = events}, {.fd = signal_fd(), .events = POLLIN}};
        int n = poll(p, 2, -1);

        TRY(signal_check(err));
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return err_sys(err, "poll");
    }
}

/* After a transfer failed with errno: 0 when it should be tried again. */
static int retry_after(int fd, short events, const char *what, Err *err)
{
    if (errno == EINTR)
        return signal_check(err);
    if (errno == EAGAIN)
        return wait_ready(fd, events, err);
    return err_sys(err, "%s", what);
}

int fd_write_all(int fd, const void *p, size_t n, Err *err)
{
    while (n > 0) {
        ssize_t k = write(fd, p, n);

        if (k < 0) {
            TRY(retry_after(fd, POLLOUT, "write", err));
            continue;
        }
        p = (const char *)p + k;
        n -= (size_t)k;
    }
    return 0;
}

int fd_pwrite_all(int fd, const void *p, size_t n, uint64_t at, Err *err)
{
    while (n > 0) {
        ssize_t k = pwrite(fd, p, n, (off_t)at);

        if (k < 0) {
            TRY(retry_after(fd, POLLOUT, "write", err));
            continue;
        }
        p = (const char *)p + k;
        n -= (size_t)k;
        at += (uint64_t)k;
    }
    return 0;
}

int fd_pread_full(int fd, void *p, size_t n, uint64_t at, size_t *ret, Err *err)
{
    size_t got = 0;

    while (got < n) {
        ssize_t k = pread(fd, (char *)p + got, n - got, (off_t)(at + got));

        if (k == 0)
            break;
        if (k < 0) {
            TRY(retry_after(fd, POLLIN, "read", err));
            continue;
        }
        got += (size_t)k;
    }
    *ret = got;
    return 0;
}

static ssize_t fd_read(Reader *self, void *buf, size_t n, Err *err)
{
    FdReader *f = (FdReader *)self;

    if (f->waits)
        TRY(wait_ready(f->fd, POLLIN, err));
    for (;;) {
        ssize_t k = read(f->fd, buf, n);

        if (k >= 0)
            return k;
        TRY(retry_after(f->fd, POLLIN, "read", err));
    }
}

static int fd_write(Writer *self, const void *buf, size_t n, Err *err)
{
    return fd_write_all(((FdWriter *)self)->fd, buf, n, err);
}

FdReader fd_reader(int fd)
{
    struct stat st;
    bool waits = fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode);

    return (FdReader){.r = {fd_read}, .fd = fd, .waits = waits};
}

FdWriter fd_writer(int fd)
{
    return (FdWriter){.w = {fd_write}, .fd = fd};
}

static ssize_t range_read(Reader *self, void *buf, size_t n, Err *err)
{
    FdRangeReader *f = (FdRangeReader *)self;
    size_t want = n < f->left ? n : (size_t)f->left;
    size_t got;

    TRY(fd_pread_full(f->fd, buf, want, f->at, &got, err));
    f->at += got;
    f->left -= got;
    return (ssize_t)got;
}

FdRangeReader fd_range_reader(int fd, uint64_t at, uint64_t n)
{
    return (FdRangeReader){.r = {range_read}, .fd = fd, .at = at, .left = n};
}

/*
 * The next run of data at or after 'at'. File systems that know no holes (EINVAL) have one run;
 * ENXIO says that only a hole is left.
 */
static void next_run(int fd, uint64_t at, uint64_t size, uint64_t *ret_start, uint64_t *ret_end)
{
    off_t start = lseek(fd, (off_t)at, SEEK_DATA);
    off_t end;

    if (start < 0) {
        *ret_start = errno == ENXIO ? size : at;
        *ret_end = size;
        return;
    }
    end = lseek(fd, start, SEEK_HOLE);
    *ret_start = (uint64_t)start < size ? (uint64_t)start : size;
    *ret_end = end > start && (uint64_t)end < size ? (uint64_t)end : size;
}

/* As far as the kernel will copy by itself; returns where it stopped, for whatever reason. */
static uint64_t copy_in_kernel(int from, int to, uint64_t at, uint64_t end)
{
    while (at < end) {
        off_t in = (off_t)at, out = (off_t)at;
        uint64_t left = end - at;
        size_t want = left < (1u << 30) ? (size_t)left : (size_t)1 << 30;
        ssize_t k = copy_file_range(from, &in, to, &out, want, 0);

        if (k <= 0)
            break;
        at += (uint64_t)k;
    }
    return at;
}

static int copy_by_hand(int from, int to, uint64_t at, uint64_t end, Err *err)
{
    size_t cap = end - at < IO_BLOCK ? (size_t)(end - at) : IO_BLOCK;
    cleanup_free char *block = NEW_N(char, cap);

    while (at < end) {
        size_t want = end - at < cap ? (size_t)(end - at) : cap;
        size_t got;

        TRY(fd_pread_full(from, block, want, at, &got, err));
        if (got == 0)
            return err_set(err, ERR_FORMAT, "the file became shorter while it was copied");
        TRY(fd_pwrite_all(to, block, got, at, err));
        at += got;
    }
    return 0;
}

int fd_copy_file(int from, int to, Err *err)
{
    struct stat st;
    uint64_t at = 0, size, start, end;

    if (fstat(from, &st) < 0)
        return err_sys(err, "stat");
    size = (uint64_t)st.st_size;
    if (ftruncate(to, st.st_size) < 0)
        return err_sys(err, "truncate");
    while (at < size) {
        next_run(from, at, size, &start, &end);
        /* Where the kernel cannot or will not, the plain way works or has the better error. */
        at = copy_in_kernel(from, to, start, end);
        if (at < end)
            TRY(copy_by_hand(from, to, at, end, err));
        at = end;
    }
    return 0;
}
