/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/sysmacros.h>

#include "os/walk.h"
#include "scratch.h"

enum {
    MANY = 5000 /* entries: several blocks */
};

static void make_many(int dirfd)
{
    char name[64];

    for (int i = 0; i < MANY; i++) {
        /* Names of different lengths; leading dots are ordinary. */
        (void)snprintf(name, sizeof(name), "%s%0*d", i % 3 ? "" : "...", 4 + i % 40, i);
        put(dirfd, name, "");
    }
}

TEST(lists_all_once)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_dir_list DirList l = {0};
    Err err;

    make_many(s.fd);
    for (int round = 0; round < 2; round++) { /* the position is reset, the list cleared */
        CHECK_OK(dir_list(s.fd, &l, &err));
        CHECK(l.n == MANY);
        dir_list_sort(&l);
        for (size_t i = 1; i < l.n; i++)
            CHECK(strcmp(l.v[i - 1].name, l.v[i].name) < 0);
    }
    for (size_t i = 0; i < l.n; i++) {
        struct statx st;

        CHECK_OK(stat_at(s.fd, l.v[i].name, &st, &err));
        CHECK(st.stx_ino == l.v[i].ino);
        CHECK(l.v[i].type == DT_REG || l.v[i].type == DT_UNKNOWN);
    }
}

TEST(sorts_by_bytes)
{
    static const char *const want[] = {"-", "A", "a", "a.b", "a0", "\xc3\xa4", "\xff"};
    cleanup_scratch Scratch s = scratch_new();
    cleanup_dir_list DirList l = {0};
    Err err;

    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        put(s.fd, want[ARRAY_LEN(want) - 1 - i], "");
    CHECK_OK(dir_list(s.fd, &l, &err));
    dir_list_sort(&l);
    CHECK(l.n == ARRAY_LEN(want));
    for (size_t i = 0; i < l.n; i++)
        CHECK_STR(str_from(l.v[i].name), str_from(want[i]));
}

TEST(a_list_is_used_again_and_empty_is_empty)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_dir_list DirList l = {0};
    cleanup_close int sub = -1;
    Err err;

    CHECK(mkdirat(s.fd, "sub", 0755) == 0);
    sub = openat(s.fd, "sub", O_RDONLY | O_CLOEXEC);
    CHECK_OK(dir_list(s.fd, &l, &err));
    CHECK(l.n == 1);
    CHECK_STR(str_from(l.v[0].name), S("sub"));
    CHECK_OK(dir_list(sub, &l, &err));
    CHECK(l.n == 0);
    put(sub, "another", "");
    CHECK_OK(dir_list(sub, &l, &err));
    CHECK(l.n == 1);
    CHECK_STR(str_from(l.v[0].name), S("another"));
    dir_list_sort(&l);
    CHECK_ERR(dir_list(-1, &l, &err), ERR_SYS, "Bad file descriptor");
}

TEST(a_cursor_goes_on_where_another_stopped)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_close int second = -1;
    static DirCursor a, b;
    DirEntry e;
    int n = 0, got = 1;
    Err err;

    make_many(s.fd);
    dir_cursor_init(&a, s.fd);
    CHECK_OK(dir_cursor_seek(&a, 0, &err));
    while (n < MANY / 3 && (got = dir_cursor_next(&a, &e, &err)) > 0)
        n++;
    CHECK(got == 1);
    second = openat(s.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    dir_cursor_init(&b, second);
    CHECK_OK(dir_cursor_seek(&b, a.off, &err));
    while ((got = dir_cursor_next(&b, &e, &err)) > 0)
        n++;
    CHECK(got == 0 && n == MANY);
}

TEST(opens_directories_and_no_links_to_them)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_close int fd = -1;
    cleanup_dir_list DirList l = {0};
    Err err;

    CHECK(mkdirat(s.fd, "sub", 0755) == 0);
    CHECK(symlinkat("sub", s.fd, "link") == 0);
    put(s.fd, "sub/f", "");
    fd = dir_open_at(s.fd, "sub", &err);
    CHECK_OK(fd);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_OK(dir_list(fd, &l, &err));
    CHECK(l.n == 1);
    CHECK_ERR(dir_open_at(s.fd, "link", &err), ERR_SYS, "open directory link: Not a directory");
    CHECK_ERR(dir_open_at(s.fd, "sub/f", &err), ERR_SYS, "open directory sub/f: Not a directory");
    CHECK_ERR(dir_open_at(s.fd, "missing", &err), ERR_SYS, "No such file");
}

static void check_fields(int dirfd, const char *name)
{
    struct statx st;
    struct stat want;
    Err err;

    CHECK(fstatat(dirfd, name, &want, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK_OK(stat_at(dirfd, name, &st, &err));
    CHECK((st.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    CHECK(st.stx_mode == want.st_mode && st.stx_nlink == want.st_nlink);
    CHECK(st.stx_uid == want.st_uid && st.stx_gid == want.st_gid);
    CHECK(st.stx_ino == want.st_ino && st.stx_size == (uint64_t)want.st_size);
    CHECK(makedev(st.stx_dev_major, st.stx_dev_minor) == want.st_dev);
    CHECK(makedev(st.stx_rdev_major, st.stx_rdev_minor) == want.st_rdev);
    CHECK(statx_ns(st.stx_mtime) ==
          (int64_t)want.st_mtim.tv_sec * 1000000000 + want.st_mtim.tv_nsec);
    CHECK(statx_ns(st.stx_ctime) ==
          (int64_t)want.st_ctim.tv_sec * 1000000000 + want.st_ctim.tv_nsec);
}

static void check_all_fields(void *arg)
{
    const Scratch *s = arg;
    cleanup_close int fd = openat(s->fd, "file", O_PATH | O_CLOEXEC);
    struct statx st;
    Err err;

    check_fields(s->fd, "file");
    check_fields(s->fd, "link");
    check_fields(AT_FDCWD, "/dev/null");
    CHECK_OK(stat_fd(fd, &st, &err));
    CHECK(st.stx_size == 7 && S_ISREG(st.stx_mode));
    CHECK_ERR(stat_at(s->fd, "missing", &st, &err), ERR_SYS, "stat missing: No such file");
    CHECK(err.os_errno == ENOENT);
}

static void filtered_out(void *arg)
{
    if (!deny(SYS_statx, EPERM))
        printf("skip no seccomp: statx filtered out\n");
    check_all_fields(arg);
}

static void missing(void *arg)
{
    if (!deny(SYS_statx, ENOSYS))
        printf("skip no seccomp: statx missing\n");
    check_all_fields(arg);
}

TEST(stats_with_and_without_statx)
{
    cleanup_scratch Scratch s = scratch_new();

    put(s.fd, "file", "content");
    CHECK(symlinkat("nowhere", s.fd, "link") == 0);
    check_all_fields(&s);
    in_child(filtered_out, &s);
    in_child(missing, &s);
}

TEST_MAIN(T(lists_all_once), T(sorts_by_bytes), T(a_list_is_used_again_and_empty_is_empty),
          T(a_cursor_goes_on_where_another_stopped), T(opens_directories_and_no_links_to_them),
          T(stats_with_and_without_statx))
