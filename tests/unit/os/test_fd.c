/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "os/fd.h"
#include "os/signal.h"
#include "scratch.h"

TEST(reads_and_writes_whole)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_close int fd = openat(s.fd, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char got[16];
    size_t n = 99;
    Err err;

    CHECK_OK(fd_write_all(fd, "hello world", 11, &err));
    CHECK_OK(fd_pwrite_all(fd, "W", 1, 6, &err));
    CHECK_OK(fd_pread_full(fd, got, sizeof(got), 6, &n, &err));
    CHECK_STR(((Str){got, n}), S("World"));
    CHECK_OK(fd_pread_full(fd, got, sizeof(got), 1000, &n, &err));
    CHECK(n == 0);
    CHECK_ERR(fd_write_all(-1, "x", 1, &err), ERR_SYS, "write: Bad file descriptor");
    CHECK(err.os_errno == EBADF);
    CHECK_ERR(fd_pread_full(-1, got, 1, 0, &n, &err), ERR_SYS, "read: Bad file descriptor");
}

TEST(streams_keep_their_position)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_close int fd = openat(s.fd, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cleanup_buf Buf all = BUF_INIT(100);
    FdWriter w = fd_writer(fd);
    FdReader r = fd_reader(fd);
    Err err;

    CHECK_OK(writer_write(&w.w, "abc", 3, &err));
    CHECK_OK(writer_write(&w.w, "def", 3, &err));
    CHECK_OK(writer_write(&w.w, "", 0, &err));
    CHECK(lseek(fd, 2, SEEK_SET) == 2);
    CHECK_OK(reader_read_all(&r.r, &all, "file", &err));
    CHECK_STR(buf_str(&all), S("cdef"));
}

TEST(ranges_do_not_share_a_position)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_close int fd = openat(s.fd, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    FdRangeReader a = fd_range_reader(fd, 1, 3), b = fd_range_reader(fd, 4, 100);
    cleanup_buf Buf got_a = BUF_INIT(100), got_b = BUF_INIT(100);
    char one;
    Err err;

    CHECK_OK(fd_write_all(fd, "0123456789", 10, &err));
    CHECK(reader_read(&b.r, &one, 1, &err) == 1 && one == '4');
    CHECK_OK(reader_read_all(&a.r, &got_a, "a", &err));
    CHECK_OK(reader_read_all(&b.r, &got_b, "b", &err));
    CHECK_STR(buf_str(&got_a), S("123"));
    CHECK_STR(buf_str(&got_b), S("56789"));
    CHECK(reader_read(&a.r, &one, 1, &err) == 0);
}

/* A megabyte hole, data, a hole, data at an odd place, and a hole at the end. */
static void make_sparse(int fd)
{
    Err err;

    CHECK_OK(fd_pwrite_all(fd, "first", 5, 1 << 20, &err));
    CHECK_OK(fd_pwrite_all(fd, "second", 6, (3 << 20) + 77, &err));
    CHECK(ftruncate(fd, 5 << 20) == 0);
}

static void check_same(int a, int b)
{
    struct stat st, st2;
    cleanup_free char *x = NULL, *y = NULL;
    size_t n, n2;
    Err err;

    CHECK(fstat(a, &st) == 0 && fstat(b, &st2) == 0);
    CHECK(st.st_size == st2.st_size);
    x = NEW_N(char, (size_t)st.st_size);
    y = NEW_N(char, (size_t)st.st_size);
    CHECK_OK(fd_pread_full(a, x, (size_t)st.st_size, 0, &n, &err));
    CHECK_OK(fd_pread_full(b, y, (size_t)st.st_size, 0, &n2, &err));
    CHECK(n == n2 && memcmp(x, y, n) == 0);
}

static void copy_and_compare(void *arg)
{
    const Scratch *s = arg;
    cleanup_close int from = openat(s->fd, "from", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cleanup_close int to = openat(s->fd, "to", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct stat st, st2;
    Err err;

    make_sparse(from);
    CHECK_OK(fd_copy_file(from, to, &err));
    check_same(from, to);
    CHECK(fstat(from, &st) == 0 && fstat(to, &st2) == 0);
    if (st.st_blocks * 512 < 1 << 20) /* the file system knows holes */
        CHECK(st2.st_blocks * 512 < 1 << 20);
}

static void copy_without_the_kernels_help(void *arg)
{
    if (!deny(SYS_copy_file_range, EXDEV))
        printf("skip no seccomp: copying without copy_file_range\n");
    copy_and_compare(arg);
}

static void copy_without_holes_known(void *arg)
{
    const Scratch *s = arg;
    cleanup_close int from = openat(s->fd, "from2", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cleanup_close int to = openat(s->fd, "to2", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    Err err;

    make_sparse(from);
    if (!deny(SYS_lseek, EINVAL) || !deny(SYS_copy_file_range, ENOSYS))
        printf("skip no seccomp: copying without SEEK_DATA\n");
    CHECK_OK(fd_copy_file(from, to, &err));
    check_same(from, to);
}

TEST(copies_with_holes_on_every_way)
{
    cleanup_scratch Scratch s = scratch_new();

    copy_and_compare(&s);
    in_child(copy_without_the_kernels_help, &s);
    in_child(copy_without_holes_known, &s);
}

TEST(copies_empty_files_and_refuses_bad_ones)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_close int from = -1, to = -1, sys = -1;
    struct stat st;
    Err err;

    put(s.fd, "from", "");
    put(s.fd, "to", "");
    from = openat(s.fd, "from", O_RDONLY | O_CLOEXEC);
    to = openat(s.fd, "to", O_RDWR | O_CLOEXEC);
    CHECK_OK(fd_copy_file(from, to, &err));
    CHECK(fstat(to, &st) == 0 && st.st_size == 0);
    CHECK_ERR(fd_copy_file(to, from, &err), ERR_SYS, "truncate");

    /*
     * Files in sysfs say that they are 4096 bytes long and are not: a file that has become shorter.
     */
    sys = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
    if (sys >= 0 && fstat(sys, &st) == 0 && st.st_size == 4096)
        CHECK_ERR(fd_copy_file(sys, to, &err), ERR_FORMAT, "became shorter");
    else
        printf("skip no sysfs: a file that becomes shorter\n");
}

static void write_later(void *arg)
{
    const int *fds = arg;

    /* The reader is in poll() or on its way there: both must come out right. */
    CHECK(write(fds[1], "late", 4) == 4);
}

TEST(waits_for_a_nonblocking_pipe)
{
    int fds[2];
    cleanup_buf Buf all = BUF_INIT(100);
    FdReader r;
    pid_t pid;
    int status;
    Err err;

    CHECK(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        write_later(fds);
        _exit(0);
    }
    CHECK(close(fds[1]) == 0);
    r = fd_reader(fds[0]);
    CHECK_OK(reader_read_all(&r.r, &all, "pipe", &err));
    CHECK_STR(buf_str(&all), S("late"));
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(close(fds[0]) == 0);
}

static void read_forever(void *arg)
{
    int fds[2];
    char byte;
    FdReader r;
    Err err;

    (void)arg;
    CHECK(pipe(fds) == 0); /* stays open at both ends: a read would never return */
    CHECK_OK(signals_install(&err));
    CHECK(raise(SIGTERM) == 0);
    r = fd_reader(fds[0]);
    CHECK_ERR((int)reader_read(&r.r, &byte, 1, &err), ERR_CANCELLED, "SIGTERM");
}

static void write_forever(void *arg)
{
    int fds[2];
    char block[1 << 16] = {0};
    Err err;
    int r = 0;

    (void)arg;
    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    CHECK_OK(signals_install(&err));
    CHECK(raise(SIGINT) == 0);
    for (int i = 0; i < 1000 && r == 0; i++) /* until the pipe is full */
        r = fd_write_all(fds[1], block, sizeof(block), &err);
    CHECK(r < 0 && err.kind == ERR_CANCELLED);
}

TEST(a_signal_ends_the_wait)
{
    in_child(read_forever, NULL);
    in_child(write_forever, NULL);
}

TEST_MAIN(T(reads_and_writes_whole), T(streams_keep_their_position),
          T(ranges_do_not_share_a_position), T(copies_with_holes_on_every_way),
          T(copies_empty_files_and_refuses_bad_ones), T(waits_for_a_nonblocking_pipe),
          T(a_signal_ends_the_wait))
