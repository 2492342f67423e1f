/* SPDX-License-Identifier: Apache-2.0 */
/* What a killed process left is removed by the next that opens the store; what is in use stays. */
#include <sys/file.h>
#include <sys/syscall.h>
#include <time.h>

#include "make.h"

static bool like_nfs, no_locks;

/* As on NFS, where an exclusive lock needs a descriptor for writing, or without any locks. */
int flock(int fd, int operation)
{
    if (no_locks ||
        (like_nfs && operation & LOCK_EX && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)) {
        errno = no_locks ? EOPNOTSUPP : EBADF;
        return -1;
    }
    return (int)syscall(SYS_flock, fd, operation);
}

static void make_old(int dirfd, const char *path, time_t seconds)
{
    const struct timespec then = {.tv_sec = time(NULL) - seconds};
    const struct timespec times[2] = {then, then};

    CHECK(utimensat(dirfd, path, times, AT_SYMLINK_NOFOLLOW) == 0);
}

static bool there(const Scratch *dir, const char *path)
{
    return faccessat(dir->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void reopen(const Scratch *dir)
{
    cleanup_store Store *s = open_store(dir, "s");

    CHECK(s);
}

TEST(removes_what_is_left)
{
    cleanup_scratch Scratch dir = scratch_new();

    reopen(&dir);
    CHECK(mkdirat(dir.fd, "s/tmp", 0755) == 0);
    put(dir.fd, "s/tmp/blob.old", "x");
    put(dir.fd, "s/tmp/blob.new", "x");
    put(dir.fd, "s/tmp/note", "x");
    CHECK(mkdirat(dir.fd, "s/tmp/spool.old", 0700) == 0);
    put(dir.fd, "s/tmp/spool.old/x", "x");
    CHECK(mkdirat(dir.fd, "s/tmp/spool.day", 0700) == 0);
    make_old(dir.fd, "s/tmp/blob.old", 7200);
    make_old(dir.fd, "s/tmp/note", 30 * 86400);
    make_old(dir.fd, "s/tmp/spool.old", 8 * 86400);
    make_old(dir.fd, "s/tmp/spool.day", 86400);
    reopen(&dir);
    CHECK(!there(&dir, "s/tmp/blob.old"));
    CHECK(!there(&dir, "s/tmp/spool.old"));
    CHECK(there(&dir, "s/tmp/blob.new"));
    CHECK(there(&dir, "s/tmp/spool.day"));
    CHECK(there(&dir, "s/tmp/note")); /* not ours */
}

TEST(wherever_it_is)
{
    cleanup_scratch Scratch dir = scratch_new();

    reopen(&dir);
    CHECK(mkdirat(dir.fd, "s/tmp", 0755) == 0);
    for (int i = 0; i < 2; i++) {
        like_nfs = i == 0;
        no_locks = i == 1; /* then age alone decides */
        put(dir.fd, "s/tmp/blob.old", "x");
        put(dir.fd, "s/tmp/blob.new", "x");
        make_old(dir.fd, "s/tmp/blob.old", 7200);
        reopen(&dir);
        CHECK(!there(&dir, "s/tmp/blob.old") && there(&dir, "s/tmp/blob.new"));
    }
    like_nfs = no_locks = false;
}

TEST(nothing_is_left_where_nobody_works)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_close int fd = -1;

    reopen(&dir);
    CHECK(mkdirat(dir.fd, "s/tmp", 0755) == 0);
    put(dir.fd, "s/tmp/blob.new", "x");
    CHECK(mkdirat(dir.fd, "s/tmp/spool.new", 0700) == 0);
    put(dir.fd, "s/tmp/spool.new/x", "x");
    put(dir.fd, "s/tmp/note", "x");
    make_old(dir.fd, "s/tmp/blob.new", time(NULL) + 1); /* before there was time */
    fd = openat(dir.fd, "s", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    store_sweep_idle(fd);
    CHECK(!there(&dir, "s/tmp/blob.new") && !there(&dir, "s/tmp/spool.new"));
    CHECK(there(&dir, "s/tmp/note")); /* not ours */
    CHECK(unlinkat(dir.fd, "s/tmp/note", 0) == 0);
    store_sweep_idle(fd);
    CHECK(!there(&dir, "s/tmp"));
}

TEST(leaves_a_blob_being_written)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_with(blob_writer_free_at) BlobWriter *b = NULL;
    const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    Digest d = digest_of(S("slow"));
    Err err;

    CHECK_OK(blob_writer_new(s, &b, &err));
    CHECK_OK(writer_write(blob_writer(b), "slow", 4, &err));
    CHECK(futimens(blob_writer_fd(b), long_ago) == 0);
    reopen(&dir);
    CHECK_OK(blob_writer_commit(b, &d, 4, NULL, NULL, &err));
    CHECK(store_has(s, &d, NULL));
}

TEST(follows_no_link)
{
    cleanup_scratch Scratch dir = scratch_new();

    reopen(&dir);
    CHECK(mkdirat(dir.fd, "s/tmp", 0755) == 0 && mkdirat(dir.fd, "precious", 0755) == 0);
    put(dir.fd, "precious/file", "x");
    CHECK(symlinkat("../../precious", dir.fd, "s/tmp/spool.link") == 0);
    CHECK(symlinkat("../../precious/file", dir.fd, "s/tmp/blob.link") == 0);
    make_old(dir.fd, "s/tmp/spool.link", 30 * 86400);
    make_old(dir.fd, "s/tmp/blob.link", 30 * 86400);
    reopen(&dir);
    CHECK(there(&dir, "precious/file"));
}

TEST_MAIN(T(removes_what_is_left), T(wherever_it_is), T(nothing_is_left_where_nobody_works),
          T(leaves_a_blob_being_written), T(follows_no_link))
