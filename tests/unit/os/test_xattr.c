/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <sys/xattr.h>

#include "base/limits.h"
#include "os/xattr.h"
#include "scratch.h"

#define X(n, v)    \
    {              \
        S(n), S(v) \
    }

/* VFS_CAP_REVISION_2 with CAP_NET_BIND_SERVICE permitted and effective. */
static const char capability[] = "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
#define CAPABILITY ((Str){capability, 20})

TEST(sorts_compares_and_finds)
{
    const Xattr a[] = {X("user.b", "2"), X("user.a", ""), X("security.capability", "\0x")};
    const Xattr b[] = {X("security.capability", "\0x"), X("user.a", ""), X("user.b", "2")};
    const Xattr c[] = {X("security.capability", "\0y"), X("user.a", ""), X("user.b", "2")};
    cleanup_with(xattrs_free_at) Xattrs *x = xattrs_new(a, 3), *y = xattrs_new(b, 3);
    cleanup_with(xattrs_free_at) Xattrs *z = xattrs_new(c, 3), *w = xattrs_new(b, 2);

    CHECK(xattrs_new(a, 0) == NULL);
    CHECK(xattrs_equal(x, y) && xattrs_equal(NULL, NULL));
    CHECK(!xattrs_equal(x, z) && !xattrs_equal(y, w) && !xattrs_equal(x, NULL));
    CHECK(!xattrs_equal(NULL, w));
    CHECK_STR(x->v[0].name, S("security.capability"));
    CHECK_STR(x->v[2].name, S("user.b"));
    CHECK_STR(xattrs_find(x, S("user.b")), S("2"));
    CHECK(xattrs_find(x, S("user.a")).p && xattrs_find(x, S("user.a")).n == 0);
    CHECK(!xattrs_find(x, S("user.")).p && !xattrs_find(NULL, S("user.a")).p);
    CHECK(x->v[0].name.p != a[2].name.p); /* copied */
}

static bool file_system_has_them(const Scratch *s)
{
    cleanup_close int fd = openat(s->fd, "probe", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd >= 0 && fsetxattr(fd, "user.probe", "1", 1, 0) == 0)
        return true;
    printf("skip the file system of the scratch directory has no user.*\n");
    return false;
}

/* "NAME=VALUE NAME=VALUE" of dirfd/name, as all readers see it. */
static void check_xattrs(int dirfd, const char *name, const Xattrs *want)
{
    cleanup_with(xattrs_free_at) Xattrs *at = NULL, *path = NULL, *fd_x = NULL;
    cleanup_close int path_fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    cleanup_close int fd = -1;
    struct stat st;
    Err err;

    CHECK_OK(xattrs_read_at(dirfd, name, &at, &err));
    CHECK(xattrs_equal(at, want));
    CHECK_OK(xattrs_read_fd(path_fd, &path, &err));
    CHECK(xattrs_equal(path, want));
    CHECK(fstat(path_fd, &st) == 0);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return;
    fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_OK(xattrs_read_fd(fd, &fd_x, &err));
    CHECK(xattrs_equal(fd_x, want));
}

TEST(writes_exactly_these_on_every_way)
{
    const Xattr first[] = {X("user.b", "bee"), X("user.a", ""), X("user.c", "\0\xff")};
    const Xattr second[] = {X("user.a", "now"), X("user.d", "4"), X("user.c", "\0\xff")};
    cleanup_with(xattrs_free_at) Xattrs *x = xattrs_new(first, 3), *y = xattrs_new(second, 3);
    cleanup_scratch Scratch s = scratch_new();
    cleanup_close int path_fd = -1, fd = -1;
    unsigned skipped = 99;
    Err err;

    if (!file_system_has_them(&s))
        return;
    put(s.fd, "f", "");
    check_xattrs(s.fd, "f", NULL);
    path_fd = openat(s.fd, "f", O_PATH | O_CLOEXEC);
    fd = openat(s.fd, "f", O_RDONLY | O_CLOEXEC);
    CHECK_OK(xattrs_write_at(s.fd, "f", x, &skipped, &err));
    CHECK(skipped == 0);
    check_xattrs(s.fd, "f", x);
    CHECK_OK(xattrs_write_fd(fd, y, NULL, &err));
    check_xattrs(s.fd, "f", y);
    CHECK_OK(xattrs_write_fd(path_fd, x, NULL, &err));
    check_xattrs(s.fd, "f", x);
    CHECK_OK(xattrs_write_at(s.fd, "f", NULL, NULL, &err));
    check_xattrs(s.fd, "f", NULL);
    CHECK(mkdirat(s.fd, "d", 0700) == 0);
    CHECK_OK(xattrs_write_at(s.fd, "d", y, NULL, &err));
    check_xattrs(s.fd, "d", y);
}

TEST(leaves_links_alone)
{
    const Xattr v[] = {X("user.a", "1")};
    cleanup_with(xattrs_free_at) Xattrs *x = xattrs_new(v, 1);
    cleanup_scratch Scratch s = scratch_new();
    unsigned skipped = 0;
    Err err;

    if (!file_system_has_them(&s))
        return;
    put(s.fd, "f", "");
    CHECK_OK(xattrs_write_at(s.fd, "f", x, NULL, &err));
    CHECK(symlinkat("f", s.fd, "link") == 0 && mkfifoat(s.fd, "fifo", 0600) == 0);
    CHECK(symlinkat("nowhere", s.fd, "dangling") == 0);
    check_xattrs(s.fd, "dangling", NULL);
    check_xattrs(s.fd, "link", NULL);
    check_xattrs(s.fd, "fifo", NULL); /* does not wait for a writer */
    CHECK_OK(xattrs_write_at(s.fd, "link", x, &skipped, &err));
    CHECK(skipped == 1); /* user.* is for files and directories: EPERM */
    CHECK_OK(xattrs_write_at(s.fd, "link", NULL, NULL, &err));
    check_xattrs(s.fd, "f", x);
    CHECK_ERR(xattrs_write_at(s.fd, "missing", x, NULL, &err), ERR_SYS, "missing: ");
    CHECK(err.os_errno == ENOENT);
}

TEST(takes_only_what_belongs_into_an_image)
{
    const Xattr v[] = {X("user.overlay.opaque", "y"), X("security.selinux", "t"), X("user.a", "1"),
                       X("system.other", "2")};
    const Xattr only[] = {X("user.a", "1")};
    cleanup_with(xattrs_free_at) Xattrs *x = xattrs_new(v, 4), *want = xattrs_new(only, 1);
    cleanup_scratch Scratch s = scratch_new();
    unsigned skipped = 0;
    char path[300];
    Err err;

    if (!file_system_has_them(&s))
        return;
    put(s.fd, "f", "");
    (void)snprintf(path, sizeof(path), "%s/f", s.path);
    CHECK_OK(xattrs_write_at(s.fd, "f", x, &skipped, &err));
    CHECK(skipped == 3);
    CHECK(setxattr(path, "user.overlay.origin", "x", 1, 0) == 0);
    check_xattrs(s.fd, "f", want);
    CHECK_OK(xattrs_write_at(s.fd, "f", NULL, NULL, &err));
    CHECK(getxattr(path, "user.overlay.origin", NULL, 0) == 1); /* not ours to remove either */
}

TEST(refuses_bad_names_and_reports_sizes)
{
    static char large[LIMIT_XATTR_VALUE + 1];
    const Xattr nul[] = {X("user.a\0b", "1")}, empty[] = {X("", "1")};
    const Xattr big[] = {{S("user.big"), {large, sizeof(large)}}};
    cleanup_with(xattrs_free_at) Xattrs *a = xattrs_new(nul, 1), *b = xattrs_new(empty, 1);
    cleanup_with(xattrs_free_at) Xattrs *c = xattrs_new(big, 1);
    cleanup_scratch Scratch s = scratch_new();
    Err err;

    if (!file_system_has_them(&s))
        return;
    put(s.fd, "f", "");
    CHECK_ERR(xattrs_write_at(s.fd, "f", a, NULL, &err), ERR_FORMAT, "bad name");
    CHECK_ERR(xattrs_write_at(s.fd, "f", b, NULL, &err), ERR_FORMAT, "bad name");
    CHECK_ERR(xattrs_write_at(s.fd, "f", c, NULL, &err), ERR_SYS, "user.big");
}

TEST(reads_long_lists_and_values)
{
    enum {
        N = 30
    };
    static char value[600];
    char names[N][LIMIT_NAME + 1];
    Xattr v[N];
    cleanup_with(xattrs_free_at) Xattrs *x = NULL;
    cleanup_scratch Scratch s = scratch_new();
    Err err;

    if (!file_system_has_them(&s))
        return;
    memset(value, 'v', sizeof(value));
    for (int i = 0; i < N; i++) {
        (void)snprintf(names[i], sizeof(names[i]),
                       "user.%02d-a-name-that-takes-some-room-in-the-list", i);
        v[i] = (Xattr){str_from(names[i]), {value, 10}};
    }
    v[7].value.n = sizeof(value); /* longer than what is tried first */
    x = xattrs_new(v, N);
    put(s.fd, "f", "");
    if (xattrs_write_at(s.fd, "f", x, NULL, &err) < 0) {
        CHECK(err.os_errno == ENOSPC);
        printf("skip the file system has no room for 30 attributes\n");
        return;
    }
    check_xattrs(s.fd, "f", x);
}

TEST(root_keeps_capabilities_and_trusted)
{
    const Xattr v[] = {X("trusted.overlay.opaque", "y"),
                       X("trusted.a", "t"),
                       {S("security.capability"), CAPABILITY}};
    const Xattr only[] = {X("trusted.a", "t"), {S("security.capability"), CAPABILITY}};
    const Xattr t[] = {X("trusted.a", "t")};
    cleanup_with(xattrs_free_at) Xattrs *x = xattrs_new(v, 3), *want = xattrs_new(only, 2);
    cleanup_with(xattrs_free_at) Xattrs *trusted = xattrs_new(t, 1);
    cleanup_scratch Scratch s = scratch_new();
    unsigned skipped = 0;
    char path[300];
    Err err;

    put(s.fd, "f", "");
    (void)snprintf(path, sizeof(path), "%s/f", s.path);
    if (setxattr(path, "trusted.overlay.origin", "x", 1, 0) < 0 ||
        setxattr(path, "security.capability", capability, 20, 0) < 0) {
        printf("skip needs CAP_SYS_ADMIN and CAP_SETFCAP: trusted.*, security.capability\n");
        return;
    }
    CHECK_OK(xattrs_write_at(s.fd, "f", x, &skipped, &err));
    CHECK(skipped == 1);
    check_xattrs(s.fd, "f", want);
    CHECK(symlinkat("f", s.fd, "link") == 0);
    CHECK(mknodat(s.fd, "null", S_IFCHR | 0600, (dev_t)0x103) == 0);
    CHECK_OK(xattrs_write_at(s.fd, "link", trusted, NULL, &err));
    CHECK_OK(xattrs_write_at(s.fd, "null", trusted, NULL, &err));
    check_xattrs(s.fd, "link", trusted);
    check_xattrs(s.fd, "null", trusted);
    check_xattrs(s.fd, "f", want);
}

static void as_nobody(void *arg)
{
    const Scratch *s = arg;
    const Xattr v[] = {X("trusted.a", "t"),
                       X("user.a", "1"),
                       {S("security.capability"), CAPABILITY}};
    const Xattr only[] = {X("user.a", "1")};
    cleanup_with(xattrs_free_at) Xattrs *x = xattrs_new(v, 3), *want = xattrs_new(only, 1);
    unsigned skipped = 0;
    Err err;

    become_nobody();
    put(s->fd, "mine", "");
    CHECK_OK(xattrs_write_at(s->fd, "mine", x, &skipped, &err));
    CHECK(skipped == 2);
    check_xattrs(s->fd, "mine", want);
}

TEST(others_are_refused_some_and_go_on)
{
    cleanup_scratch Scratch s = scratch_new();

    if (!file_system_has_them(&s))
        return;
    CHECK(fchmod(s.fd, 0777) == 0);
    in_child(as_nobody, &s);
}

/* Leave for a root directory that has no /proc in it. */
static void without_proc(void *arg)
{
    const Scratch *s = arg;
    const Xattr v[] = {X("user.a", "1"), X("user.b", "2")};
    cleanup_with(xattrs_free_at) Xattrs *x = xattrs_new(v, 2), *got = NULL;
    cleanup_close int path_fd = -1;
    unsigned skipped = 0;
    Err err;

    if (chroot(s->path) < 0 && (unshare(CLONE_NEWUSER) < 0 || chroot(s->path) < 0)) {
        printf("skip no right to chroot: attributes without /proc\n");
        return;
    }
    CHECK(access("/proc", F_OK) < 0);
    CHECK_OK(xattrs_write_at(s->fd, "f", x, NULL, &err));
    CHECK_OK(xattrs_read_at(s->fd, "f", &got, &err));
    CHECK(xattrs_equal(got, x));
    xattrs_free_at(&got);
    CHECK_OK(xattrs_read_at(s->fd, "fifo", &got, &err));
    CHECK_OK(xattrs_read_at(s->fd, "link", &got, &err));
    CHECK(got == NULL);
    CHECK_OK(xattrs_write_at(s->fd, "link", x, &skipped, &err));
    CHECK(skipped == 2);
    CHECK_ERR(xattrs_read_at(s->fd, "missing", &got, &err), ERR_SYS, "missing");
    CHECK(err.os_errno == ENOENT);
    path_fd = openat(s->fd, "f", O_PATH | O_CLOEXEC);
    CHECK_ERR(xattrs_read_fd(path_fd, &got, &err), ERR_UNSUPPORTED, "no /proc");
}

TEST(works_without_proc)
{
    cleanup_scratch Scratch s = scratch_new();

    if (!file_system_has_them(&s))
        return;
    put(s.fd, "f", "");
    CHECK(symlinkat("f", s.fd, "link") == 0 && mkfifoat(s.fd, "fifo", 0600) == 0);
    in_child(without_proc, &s);
}

TEST(a_file_system_without_them_has_none)
{
    cleanup_with(xattrs_free_at) Xattrs *got = NULL;
    Err err;

    CHECK_OK(xattrs_read_at(AT_FDCWD, "/proc/self/status", &got, &err));
    CHECK(got == NULL);
}

TEST_MAIN(T(sorts_compares_and_finds), T(writes_exactly_these_on_every_way), T(leaves_links_alone),
          T(takes_only_what_belongs_into_an_image), T(refuses_bad_names_and_reports_sizes),
          T(reads_long_lists_and_values), T(root_keeps_capabilities_and_trusted),
          T(others_are_refused_some_and_go_on), T(works_without_proc),
          T(a_file_system_without_them_has_none))
