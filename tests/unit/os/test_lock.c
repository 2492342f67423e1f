/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/file.h>

#include "os/lock.h"
#include "os/pool.h"
#include "os/signal.h"
#include "scratch.h"

static const char *remove_before_flock;
static bool like_nfs;
static int no_locks; /* what it says about that */

/* As NFS has it: a lock on a range of the file, which the descriptor must allow. Nothing for directories. */
static bool nfs_refuses(int fd, int operation)
{
    int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
    struct stat st;

    CHECK(fstat(fd, &st) == 0);
    return !S_ISREG(st.st_mode) || (operation & LOCK_EX ? mode == O_RDONLY : mode == O_WRONLY);
}

/* flock(), but somebody removes the file just before, or on another file system. */
int flock(int fd, int operation)
{
    if (remove_before_flock) {
        CHECK(unlink(remove_before_flock) == 0);
        remove_before_flock = NULL;
    }
    if (no_locks || (like_nfs && nfs_refuses(fd, operation))) {
        errno = no_locks ? no_locks : EBADF;
        return -1;
    }
    return (int)syscall(SYS_flock, fd, operation);
}

static void lock_path(const Scratch *s, char ret[512])
{
    (void)snprintf(ret, 512, "%s/lock", s->path);
}

TEST(exclusive_excludes_and_shared_shares)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_close int a = -1, b = -1, c = -1;
    char path[512];
    Err err;

    lock_path(&s, path);
    CHECK(lock_file_try(path, LOCK_EXCLUSIVE, &a, &err) == 1); /* made */
    CHECK(fcntl(a, F_GETFD) & FD_CLOEXEC);
    CHECK(lock_file_try(path, LOCK_EXCLUSIVE, &b, &err) == 0 && b == -1);
    CHECK(lock_file_try(path, LOCK_SHARED, &b, &err) == 0);
    close_at(&a);
    CHECK(lock_file_try(path, LOCK_SHARED, &a, &err) == 1);
    CHECK_OK(lock_file(path, LOCK_SHARED, &b, &err));
    CHECK(lock_file_try(path, LOCK_EXCLUSIVE, &c, &err) == 0);
}

TEST(errors_name_the_file)
{
    int fd = -1;
    Err err;

    CHECK_ERR(lock_file("/nonexistent-directory/l", LOCK_SHARED, &fd, &err), ERR_SYS,
              "open /nonexistent-directory/l");
    CHECK_ERR(lock_file_try("/nonexistent-directory/l", LOCK_SHARED, &fd, &err), ERR_SYS, "open");
}

static int wait_for_lock(void *arg, Err *err)
{
    cleanup_close int fd = -1;

    TRY(lock_file(arg, LOCK_EXCLUSIVE, &fd, err));
    return 1;
}

TEST(waits_until_it_is_free)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_with(pool_free_at) Pool *pool = pool_new(1);
    cleanup_close int held = -1;
    char path[512];
    Task *t;
    Err err;

    lock_path(&s, path);
    CHECK_OK(lock_file(path, LOCK_EXCLUSIVE, &held, &err));
    t = pool_submit(pool, wait_for_lock, path);
    CHECK(!task_done(t));
    close_at(&held);
    CHECK(task_join(t, &err) == 1);
}

static void wait_and_be_stopped(void *arg)
{
    cleanup_close int held = -1, fd = -1;
    char path[512];
    Err err;

    lock_path(arg, path);
    CHECK_OK(signals_install(&err));
    CHECK_OK(lock_file(path, LOCK_EXCLUSIVE, &held, &err));
    CHECK(raise(SIGINT) == 0);
    CHECK_ERR(lock_file(path, LOCK_EXCLUSIVE, &fd, &err), ERR_CANCELLED, "waiting for the lock");
    CHECK(fd == -1);
}

TEST(a_signal_ends_the_wait)
{
    cleanup_scratch Scratch s = scratch_new();

    in_child(wait_and_be_stopped, &s);
}

static void share_read_only(void *arg)
{
    cleanup_close int fd = -1;
    char path[512];
    Err err;

    lock_path(arg, path);
    become_nobody();
    CHECK(lock_file_try(path, LOCK_SHARED, &fd, &err) == 1);
    CHECK_ERR(lock_file_try(path, LOCK_EXCLUSIVE, &fd, &err), ERR_SYS, "Permission denied");
}

TEST(sharing_needs_no_right_to_write)
{
    cleanup_scratch Scratch s = scratch_new();

    put(s.fd, "lock", "");
    CHECK(fchmodat(s.fd, "lock", 0444, 0) == 0 && fchmod(s.fd, 0555) == 0);
    in_child(share_read_only, &s);
    CHECK(fchmod(s.fd, 0755) == 0);
}

TEST(a_lock_is_on_the_file_that_has_the_name)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_close int a = -1, b = -1;
    char path[512];
    struct stat st;
    Err err;

    lock_path(&s, path);
    put(s.fd, "lock", "");
    remove_before_flock = path;
    CHECK(lock_file_try(path, LOCK_EXCLUSIVE, &a, &err) == 1);
    CHECK(remove_before_flock == NULL);
    CHECK(fstat(a, &st) == 0 && st.st_nlink == 1);
    CHECK(lock_file_try(path, LOCK_EXCLUSIVE, &b, &err) == 0);
}

TEST(nfs_locks_too)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_close int a = -1, b = -1;
    char path[512];
    Err err;

    like_nfs = true;
    lock_path(&s, path);
    CHECK(lock_file_try(path, LOCK_EXCLUSIVE, &a, &err) == 1);
    CHECK(lock_file_try(path, LOCK_SHARED, &b, &err) == 0);
    close_at(&a);
    CHECK(lock_file_try(path, LOCK_SHARED, &b, &err) == 1);
    CHECK(lock_file_try(path, LOCK_EXCLUSIVE, &a, &err) == 0);
    like_nfs = false;
}

TEST(directories_are_not_locked)
{
    cleanup_scratch Scratch s = scratch_new();
    int fd = -1;
    Err err;

    CHECK_ERR(lock_file_try(s.path, LOCK_SHARED, &fd, &err), ERR_SYS, "Is a directory");
    CHECK_ERR(lock_file_try(s.path, LOCK_EXCLUSIVE, &fd, &err), ERR_SYS, "Is a directory");
}

TEST(without_locks_nothing_is_done)
{
    static const int says[] = {ENOLCK, EOPNOTSUPP, ENOSYS};
    cleanup_scratch Scratch s = scratch_new();
    char path[512];
    int fd = -1;
    Err err;

    lock_path(&s, path);
    for (size_t i = 0; i < ARRAY_LEN(says); i++) {
        no_locks = says[i];
        CHECK_ERR(lock_file(path, LOCK_SHARED, &fd, &err), ERR_SYS, "has no locks");
        CHECK_ERR(lock_file_try(path, LOCK_EXCLUSIVE, &fd, &err), ERR_SYS, "has no locks");
    }
    no_locks = EIO;
    CHECK_ERR(lock_file(path, LOCK_SHARED, &fd, &err), ERR_SYS, "lock /");
    no_locks = 0;
}

TEST_MAIN(T(exclusive_excludes_and_shared_shares), T(errors_name_the_file),
          T(waits_until_it_is_free), T(a_signal_ends_the_wait), T(sharing_needs_no_right_to_write),
          T(a_lock_is_on_the_file_that_has_the_name), T(nfs_locks_too),
          T(directories_are_not_locked), T(without_locks_nothing_is_done))
