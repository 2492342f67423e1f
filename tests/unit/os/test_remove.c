/* SPDX-License-Identifier: Apache-2.0 */
/* dir_remove_all() and dir_empty() of os/file.h */
#include <sys/resource.h>

#include "os/file.h"
#include "os/pool.h"
#include "os/walk.h"
#include "racing_openat.h"
#include "scratch.h"

enum {
    DEEP = 10000, /* directories in one another: 12 times PATH_MAX */
    WIDE = 3000   /* entries of one directory: several blocks */
};

static bool there(int dirfd, const char *path)
{
    struct stat st;

    return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void make_dirs(int dirfd, const char *path)
{
    Err err;

    CHECK_OK(dir_make_all(dirfd, path, 0755, &err));
}

static int removed(int dirfd, const char *name)
{
    Err err;
    int r = dir_remove_all(dirfd, name, &err);

    CHECK_OK(r);
    return r;
}

TEST(removes_everything_and_follows_nothing)
{
    cleanup_scratch Scratch s = scratch_new();
    char outside[512];

    make_dirs(s.fd, "out");
    put(s.fd, "out/keep", "x");
    make_dirs(s.fd, "top/a/b/c");
    make_dirs(s.fd, "top/d");
    put(s.fd, "top/a/f", "1");
    put(s.fd, "top/...", "2");
    (void)snprintf(outside, sizeof(outside), "%s/out", s.path);
    CHECK(symlinkat(outside, s.fd, "top/link") == 0);
    CHECK(symlinkat("../../out", s.fd, "top/a/link") == 0);
    CHECK(symlinkat("nowhere", s.fd, "top/a/b/dangling") == 0);
    CHECK(linkat(s.fd, "out/keep", s.fd, "top/d/hard", 0) == 0);
    CHECK(mkfifoat(s.fd, "top/fifo", 0600) == 0);
    CHECK(removed(s.fd, "top") == 0);
    CHECK(!there(s.fd, "top"));
    CHECK_FILE(s.fd, "out/keep", S("x"));
}

TEST(takes_any_kind_of_name)
{
    cleanup_scratch Scratch s = scratch_new();
    char absolute[512];
    Err err;

    CHECK(removed(s.fd, "missing") == 0);
    CHECK(removed(s.fd, "missing/too") == 0);
    put(s.fd, "f", "");
    CHECK(symlinkat(".", s.fd, "link") == 0);
    CHECK(removed(s.fd, "f") == 0 && removed(s.fd, "link") == 0);
    CHECK(!there(s.fd, "f") && !there(s.fd, "link"));
    make_dirs(s.fd, "a/b/c");
    make_dirs(s.fd, "x/y");
    CHECK(removed(s.fd, "a/b/") == 0);
    CHECK(there(s.fd, "a") && !there(s.fd, "a/b"));
    (void)snprintf(absolute, sizeof(absolute), "%s/x", s.path);
    CHECK(removed(AT_FDCWD, absolute) == 0);
    CHECK(!there(s.fd, "x"));
    put(s.fd, "f", "");
    CHECK_ERR(dir_remove_all(s.fd, "f/x", &err), ERR_SYS, "remove f/x: Not a directory");
    CHECK_ERR(dir_remove_all(s.fd, ".", &err), ERR_SYS, "remove .: Invalid argument");
    CHECK_ERR(dir_remove_all(s.fd, "a/..", &err), ERR_SYS, "remove a/..: Invalid argument");
    CHECK_ERR(dir_remove_all(s.fd, "/", &err), ERR_SYS, "remove /: Invalid argument");
    CHECK_ERR(dir_remove_all(s.fd, "", &err), ERR_SYS, "Invalid argument");
}

/* 'depth' directories, with a file beside each thousandth. */
static void make_deep(int dirfd, const char *top, int depth)
{
    cleanup_close int cur = -1;
    int fd;

    CHECK(mkdirat(dirfd, top, 0755) == 0);
    cur = openat(dirfd, top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < depth; i++) {
        CHECK(mkdirat(cur, "d", 0755) == 0);
        if (i % 1000 == 0)
            put(cur, "f", "x");
        fd = openat(cur, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(fd >= 0);
        close_at(&cur);
        cur = fd;
    }
}

static void remove_with_few_descriptors(void *arg)
{
    const Scratch *s = arg;
    const struct rlimit few = {64, 64};

    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK(removed(s->fd, "deep") == 0);
}

TEST(depth_is_no_matter)
{
    cleanup_scratch Scratch s = scratch_new();

    make_deep(s.fd, "deep", DEEP);
    in_child(remove_with_few_descriptors, &s);
    CHECK(!there(s.fd, "deep"));
}

TEST(width_is_no_matter)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_close int fd = -1;
    char name[32];

    /*
     * Deep enough that directories with much in them are closed, and gone on with, on the way back.
     */
    make_deep(s.fd, "wide", 45);
    fd = openat(s.fd, "wide", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < WIDE; i++) {
        (void)snprintf(name, sizeof(name), "%c%d", i % 2 ? 'a' : 'z', i);
        if (i % 3)
            put(fd, name, "");
        else
            CHECK(mkdirat(fd, name, 0755) == 0);
        if (i % 6 == 0) {
            (void)snprintf(name, sizeof(name), "%c%d/in", i % 2 ? 'a' : 'z', i);
            put(fd, name, "");
        }
    }
    CHECK(removed(s.fd, "wide") == 0);
    CHECK(!there(s.fd, "wide"));
}

static void remove_closed_directories(void *arg)
{
    const Scratch *s = arg;
    static const mode_t modes[] = {0, 0111, 0222, 0444, 0555, 0300, 0500, 0600};
    char path[64];

    become_nobody();
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        (void)snprintf(path, sizeof(path), "top/%zu/sub/deep", i);
        make_dirs(s->fd, path);
        (void)snprintf(path, sizeof(path), "top/%zu/sub/f", i);
        put(s->fd, path, "x");
        (void)snprintf(path, sizeof(path), "top/%zu/sub", i);
        CHECK(fchmodat(s->fd, path, modes[ARRAY_LEN(modes) - 1 - i], 0) == 0);
        (void)snprintf(path, sizeof(path), "top/%zu", i);
        CHECK(fchmodat(s->fd, path, modes[i], 0) == 0);
    }
    CHECK(fchmodat(s->fd, "top", 0, 0) == 0);
    CHECK(removed(s->fd, "top") == 0);
    CHECK(!there(s->fd, "top"));
}

TEST(opens_what_is_closed)
{
    cleanup_scratch Scratch s = scratch_new();

    CHECK(fchmod(s.fd, 0777) == 0);
    in_child(remove_closed_directories, &s);
}

static void remove_what_is_not_ours(void *arg)
{
    const Scratch *s = arg;
    Err err;

    become_nobody();
    CHECK_ERR(dir_remove_all(s->fd, "top", &err), ERR_SYS,
              "remove top: unlink top/a/f: Permission");
}

TEST(says_what_could_not_be_removed)
{
    cleanup_scratch Scratch s = scratch_new();

    if (geteuid() != 0) {
        printf("skip needs root: files of somebody else\n");
        return;
    }
    CHECK(fchmod(s.fd, 0755) == 0);
    make_dirs(s.fd, "top/a");
    put(s.fd, "top/a/f", "");
    in_child(remove_what_is_not_ours, &s);
    CHECK(there(s.fd, "top/a/f"));
}

static void empty_as_nobody(void *arg)
{
    const Scratch *s = arg;
    cleanup_close int fd = -1;
    cleanup_dir_list DirList l = {0};
    struct stat st;
    Err err;

    become_nobody();
    make_dirs(s->fd, "d/a/b");
    put(s->fd, "d/f", "");
    fd = openat(s->fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_OK(dir_list(fd, &l, &err)); /* the position of the descriptor is no matter */
    CHECK(fchmod(fd, 0555) == 0);
    CHECK(dir_empty(fd, &err) == 0);
    CHECK_OK(dir_list(fd, &l, &err));
    CHECK(l.n == 0);
    CHECK(fstatat(s->fd, "d", &st, 0) == 0 && (st.st_mode & 07777) == 0555);
    CHECK(dir_empty(fd, &err) == 0);
    CHECK_ERR(dir_empty(-1, &err), ERR_SYS, "Bad file descriptor");
}

TEST(empties_and_keeps_the_directory)
{
    cleanup_scratch Scratch s = scratch_new();

    CHECK(fchmod(s.fd, 0777) == 0);
    in_child(empty_as_nobody, &s);
}

static void mount_at(const Scratch *s, const char *from, const char *to)
{
    char a[512], b[512];

    (void)snprintf(a, sizeof(a), "%s/%s", s->path, from ? from : "");
    (void)snprintf(b, sizeof(b), "%s/%s", s->path, to);
    if (from)
        CHECK(mount(a, b, NULL, MS_BIND, NULL) == 0);
    else
        CHECK(mount("none", b, "tmpfs", 0, "size=1m") == 0);
}

static void make_tree_to_mount_in(const Scratch *s)
{
    make_dirs(s->fd, "out");
    put(s->fd, "out/keep", "x");
    make_dirs(s->fd, "top/a/tmpfs");
    make_dirs(s->fd, "top/a/bind");
    make_dirs(s->fd, "top/a/other/deep");
    make_dirs(s->fd, "top/b/c");
    put(s->fd, "top/b/c/file", "below");
    put(s->fd, "top/b/g", "");
}

static void remove_around_mounts(void *arg)
{
    Scratch own = *(const Scratch *)arg, *s = &own;
    Err err;

    if (!enter_mount_namespace(s)) {
        printf("skip needs CAP_SYS_ADMIN or user namespaces: mount points in a tree\n");
        return;
    }
    make_tree_to_mount_in(s);
    mount_at(s, NULL, "top/a/tmpfs");
    mount_at(s, "out", "top/a/bind"); /* the same file system: its device tells nothing */
    mount_at(s, "out/keep", "top/b/c/file");
    put(s->fd, "top/a/tmpfs/inside", "y");
    CHECK(dir_remove_all(s->fd, "top", &err) == 1);
    CHECK(there(s->fd, "top/a/tmpfs/inside") && there(s->fd, "top/a/bind/keep"));
    CHECK(there(s->fd, "top/b/c/file") && there(s->fd, "out/keep"));
    CHECK(!there(s->fd, "top/a/other") && !there(s->fd, "top/b/g"));
    CHECK(dir_remove_all(s->fd, "top/a/tmpfs", &err) == 1); /* the mount point by name */
    CHECK(dir_remove_all(s->fd, "top/b/c/file", &err) == 1);
    CHECK(there(s->fd, "top/a/tmpfs/inside"));
    CHECK(dir_remove_all(s->fd, "top/b", &err) == 1); /* again, with nothing to do */
}

static void remove_around_mounts_with_old_kernel(void *arg)
{
    if (!deny(SYS_statx, ENOSYS))
        printf("skip no seccomp: mount points without statx\n");
    remove_around_mounts(arg);
}

static void empty_a_mount(void *arg)
{
    Scratch own = *(const Scratch *)arg, *s = &own;
    cleanup_close int fd = -1;
    Err err;

    if (!enter_mount_namespace(s))
        return;
    make_dirs(s->fd, "m");
    mount_at(s, NULL, "m");
    fd = openat(s->fd, "m", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_dirs(fd, "a/b");
    CHECK(dir_empty(fd, &err) == 0); /* given by its descriptor, it is meant */
    CHECK(!there(fd, "a"));
}

static void remove_deep_below_a_mount(void *arg)
{
    Scratch own = *(const Scratch *)arg, *s = &own;
    char path[512] = "far";
    int left;
    Err err;

    if (!enter_mount_namespace(s))
        return;
    make_dirs(s->fd, "far");
    for (size_t i = 0; i < 60; i++)
        (void)snprintf(path + 3 + 2 * i, sizeof(path) - 3 - 2 * i, "/d");
    make_dirs(s->fd, path);
    put(s->fd, "far/f", "");
    mount_at(s, NULL, path);
    left = dir_remove_all(s->fd, "far", &err);
    CHECK_OK(left);
    CHECK(left == 1);
    CHECK(there(s->fd, path) && !there(s->fd, "far/f"));
}

TEST(never_enters_a_mount)
{
    cleanup_scratch Scratch a = scratch_new(), b = scratch_new();

    in_child(remove_around_mounts, &a);
    in_child(remove_around_mounts_with_old_kernel, &b);
    in_child(empty_a_mount, &a);
    in_child(remove_deep_below_a_mount, &a);
}

static int race_fd;

/* When a directory is about to be entered, a symlink to the outside has taken its place. */
static void swap_for_link(const char *name)
{
    if (strcmp(name, "victim") != 0)
        return;
    before_openat = NULL;
    CHECK(renameat(race_fd, "top/victim", race_fd, "top/was") == 0);
    CHECK(symlinkat("../out", race_fd, "top/victim") == 0);
}

TEST(a_swapped_directory_is_not_followed)
{
    cleanup_scratch Scratch s = scratch_new();

    make_dirs(s.fd, "out/deep");
    put(s.fd, "out/keep", "x");
    make_dirs(s.fd, "top/victim/sub");
    race_fd = s.fd;
    before_openat = swap_for_link;
    CHECK(removed(s.fd, "top") == 0);
    CHECK(before_openat == NULL && !there(s.fd, "top"));
    CHECK(there(s.fd, "out/keep") && there(s.fd, "out/deep"));
}

static int remove_top(void *arg, Err *err)
{
    const Scratch *s = arg;

    return dir_remove_all(s->fd, "top", err);
}

TEST(two_may_remove_the_same)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_with(pool_free_at) Pool *pool = pool_new(2);
    Task *a, *b;
    char path[64];
    Err err;

    for (int i = 0; i < 300; i++) {
        (void)snprintf(path, sizeof(path), "top/%d/a/b", i);
        make_dirs(s.fd, path);
        (void)snprintf(path, sizeof(path), "top/%d/a/f", i);
        put(s.fd, path, "");
    }
    a = pool_submit(pool, remove_top, &s);
    b = pool_submit(pool, remove_top, &s);
    CHECK_OK(task_join(a, &err));
    CHECK_OK(task_join(b, &err));
    CHECK(!there(s.fd, "top"));
}

TEST_MAIN(T(removes_everything_and_follows_nothing), T(takes_any_kind_of_name),
          T(depth_is_no_matter), T(width_is_no_matter), T(opens_what_is_closed),
          T(says_what_could_not_be_removed), T(empties_and_keeps_the_directory),
          T(never_enters_a_mount), T(a_swapped_directory_is_not_followed),
          T(two_may_remove_the_same))
