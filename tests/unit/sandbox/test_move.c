/* SPDX-License-Identifier: Apache-2.0 */
/* Moving trees around what has to stay: by rename, and by copy where there are two file systems. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "os/fd.h"
#include "os/file.h"
#include "os/xattr.h"
#include "sandbox/foreign.h"
#include "sandbox/move.h"
#include "test.h"

typedef struct Pair {
    char dir[64];
    int top, from, to;
    bool mounted;
} Pair;

static void pair_open(Pair *p)
{
    *p = (Pair){.dir = "/tmp/kiln-move.XXXXXX"};
    CHECK(mkdtemp(p->dir));
    p->top = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(mkdirat(p->top, "from", 0755) == 0 && mkdirat(p->top, "to", 0755) == 0);
    p->from = openat(p->top, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    p->to = openat(p->top, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(p->top >= 0 && p->from >= 0 && p->to >= 0);
}

/* The same with 'to' on another file system, a tmpfs with those options; false where we may not mount. */
static bool pair_open_two(Pair *p, const char *options)
{
    char path[80];

    pair_open(p);
    (void)snprintf(path, sizeof(path), "%s/to", p->dir);
    if (mount("tmpfs", path, "tmpfs", 0, options) < 0)
        return false;
    p->mounted = true;
    close_at(&p->to);
    p->to = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return true;
}

static void pair_close(Pair *p)
{
    char path[80];
    Err err;

    close_at(&p->top);
    close_at(&p->from);
    close_at(&p->to);
    (void)snprintf(path, sizeof(path), "%s/to", p->dir);
    CHECK(!p->mounted || umount(path) == 0);
    CHECK_OK(dir_remove_all(AT_FDCWD, p->dir, &err));
}

static void put(int dir, const char *path, const char *text)
{
    cleanup_close int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    Err err;

    CHECK(fd >= 0);
    CHECK_OK(fd_write_all(fd, text, strlen(text), &err));
}

static bool has(int dir, const char *path)
{
    struct stat st;

    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool has_text(int dir, const char *path, const char *want)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Err err;

    return file_read(dir, path, &text, &err) == 0 && str_eq(buf_str(&text), str_from(want));
}

static const StrVec NOTHING = {0};

TEST(everything_moves)
{
    Pair p;
    Err err;

    pair_open(&p);
    CHECK(mkdirat(p.from, "a", 0755) == 0 && mkdirat(p.from, "a/b", 0755) == 0);
    put(p.from, "a/b/c", "deep");
    put(p.from, "odd \n name", "odd");
    CHECK(symlinkat("/nowhere", p.from, "link") == 0);
    CHECK(fchmod(p.from, 0711) == 0);
    CHECK_OK(move_contents(p.from, p.to, &NOTHING, &err));
    CHECK(has_text(p.to, "a/b/c", "deep") && has_text(p.to, "odd \n name", "odd") &&
          has(p.to, "link"));
    CHECK(!has(p.from, "a") && !has(p.from, "odd \n name") && !has(p.from, "link"));
    {
        struct stat st;

        CHECK(fstat(p.to, &st) == 0 && (st.st_mode & 07777) == 0711);
    }
    pair_close(&p);
}

/* var/run/secrets and etc/hosts are mounts: the rest moves, their directories are on both sides, and come back into one. */
TEST(foreign_paths_stay)
{
    Str v[] = {S("etc/hosts"), S("var/run/secrets")};
    StrVec foreign = {.v = v, .n = 2};
    struct stat st;
    Pair p;
    Err err;

    pair_open(&p);
    CHECK(mkdirat(p.from, "etc", 0750) == 0);
    put(p.from, "etc/hosts", "mounted");
    put(p.from, "etc/passwd", "root");
    CHECK(mkdirat(p.from, "var", 0755) == 0 && mkdirat(p.from, "var/run", 0711) == 0 &&
          mkdirat(p.from, "var/run/secrets", 0755) == 0 && mkdirat(p.from, "var/lib", 0755) == 0);
    put(p.from, "var/run/secrets/token", "secret");
    put(p.from, "var/lib/db", "data");
    CHECK_OK(move_contents(p.from, p.to, &foreign, &err));
    CHECK(has_text(p.from, "etc/hosts", "mounted") &&
          has_text(p.from, "var/run/secrets/token", "secret"));
    CHECK(!has(p.from, "etc/passwd") && !has(p.from, "var/lib"));
    CHECK(has_text(p.to, "etc/passwd", "root") && has_text(p.to, "var/lib/db", "data"));
    CHECK(!has(p.to, "etc/hosts") && !has(p.to, "var/run/secrets"));
    CHECK(fstatat(p.to, "etc", &st, 0) == 0 && (st.st_mode & 07777) == 0750);
    CHECK(fstatat(p.to, "var/run", &st, 0) == 0 && (st.st_mode & 07777) == 0711);

    CHECK(fchmodat(p.from, "etc", 0700, 0) == 0); /* somebody else's root had it meanwhile */
    CHECK_OK(move_contents(p.to, p.from, &foreign, &err));
    CHECK(has_text(p.from, "etc/hosts", "mounted") && has_text(p.from, "etc/passwd", "root"));
    CHECK(has_text(p.from, "var/lib/db", "data") && !has(p.to, "etc") && !has(p.to, "var"));
    CHECK(fstatat(p.from, "etc", &st, 0) == 0 && (st.st_mode & 07777) == 0750);
    pair_close(&p);
}

TEST(a_second_call_goes_on)
{
    Pair p;
    Err err;

    pair_open(&p); /* as after a crash: one name is over there already, with part of its contents */
    CHECK(mkdirat(p.from, "a", 0755) == 0 && mkdirat(p.to, "a", 0700) == 0);
    put(p.from, "a/left", "left");
    put(p.to, "a/moved", "moved");
    CHECK_OK(move_contents(p.from, p.to, &NOTHING, &err));
    CHECK(has_text(p.to, "a/left", "left") && has_text(p.to, "a/moved", "moved") &&
          !has(p.from, "a"));
    pair_close(&p);
}

static bool has_mode(int dir, const char *path, mode_t want)
{
    struct stat st;

    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & 07777) == want;
}

/* What went wrong half-way is undone by moving back; directories that are on both sides then have the modes that they had. */
TEST(half_a_move_and_back)
{
    static char large[100000];
    Pair p;
    Err err;

    if (!pair_open_two(&p, "size=64k")) {
        printf("skip: mounting needs root\n");
        pair_close(&p);
        return;
    }
    memset(large, 'x', sizeof(large) - 1);
    CHECK(fchmod(p.from, 0751) == 0 && fchmod(p.to, 0700) == 0);
    CHECK(mkdirat(p.from, "tmp", 0755) == 0 && fchmodat(p.from, "tmp", 01777, 0) == 0);
    put(p.from, "tmp/large", large);
    CHECK_ERR(move_contents(p.from, p.to, &NOTHING, &err), ERR_SYS, "No space left");
    CHECK(has_mode(p.to, ".", 0751) && has_mode(p.to, "tmp", 01777));
    CHECK(unlinkat(p.to, "tmp/large", 0) == 0);
    CHECK_OK(move_contents(p.to, p.from, &NOTHING, &err));
    CHECK(has_mode(p.from, ".", 0751) && has_mode(p.from, "tmp", 01777));
    CHECK(has_text(p.from, "tmp/large", large) && !has(p.to, "tmp"));
    pair_close(&p);
}

TEST(errors_name_the_path_once)
{
    Pair p;
    Err err;

    pair_open(&p);
    CHECK(mkdirat(p.from, "a", 0755) == 0 && mkdirat(p.from, "a/b", 0755) == 0 &&
          mkdirat(p.from, "a/b/c", 0755) == 0);
    CHECK(mkdirat(p.to, "a", 0755) == 0 && mkdirat(p.to, "a/b", 0755) == 0);
    put(p.to, "a/b/c", "a file in the way of a directory");
    CHECK_ERR(move_contents(p.from, p.to, &NOTHING, &err), ERR_SYS,
              "move /a/b/c: rename: Not a directory");
    CHECK(strncmp(err.msg, "move /a/b/c: rename", 19) == 0);
    pair_close(&p);
}

/* Owners, modes, times, xattrs, hard links, devices: all as before on the other file system. */
TEST(copies_between_file_systems)
{
    const struct timespec old[2] = {{.tv_sec = 5}, {.tv_sec = 1000000000, .tv_nsec = 7}};
    const Xattr x = {
        S("security.capability"),
        {"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20}};
    cleanup_with(xattrs_free_at) Xattrs *set = xattrs_new(&x, 1), *got = NULL;
    struct stat st, other;
    unsigned skipped = 0;
    Pair p;
    Err err;

    if (!pair_open_two(&p, NULL)) {
        printf("skip: mounting needs root\n");
        pair_close(&p);
        return;
    }
    CHECK(mkdirat(p.from, "d", 0755) == 0);
    put(p.from, "d/file", "text");
    CHECK(fchownat(p.from, "d/file", 12, 34, 0) == 0 && fchmodat(p.from, "d/file", 04751, 0) == 0);
    CHECK_OK(xattrs_write_at(p.from, "d/file", set, &skipped, &err));
    CHECK(linkat(p.from, "d/file", p.from, "second", 0) == 0);
    CHECK(symlinkat("../somewhere", p.from, "d/link") == 0 &&
          fchownat(p.from, "d/link", 5, 6, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK(mknodat(p.from, "fifo", S_IFIFO, 0) == 0 && fchmodat(p.from, "fifo", 0622, 0) == 0);
    CHECK(utimensat(p.from, "d/file", old, 0) == 0 &&
          utimensat(p.from, "d/link", old, AT_SYMLINK_NOFOLLOW) == 0 &&
          utimensat(p.from, "d", old, 0) == 0);
    CHECK_OK(move_contents(p.from, p.to, &NOTHING, &err));

    CHECK(!has(p.from, "d") && !has(p.from, "second") && !has(p.from, "fifo"));
    CHECK(has_text(p.to, "d/file", "text"));
    CHECK(fstatat(p.to, "d/file", &st, 0) == 0 && fstatat(p.to, "second", &other, 0) == 0);
    CHECK(st.st_ino == other.st_ino && st.st_nlink == 2);
    CHECK(st.st_uid == 12 && st.st_gid == 34 && st.st_mode == (S_IFREG | 04751));
    CHECK(st.st_mtim.tv_sec == old[1].tv_sec && st.st_mtim.tv_nsec == old[1].tv_nsec);
    if (!skipped) {
        CHECK_OK(xattrs_read_at(p.to, "d/file", &got, &err));
        CHECK(xattrs_equal(got, set));
    }
    CHECK(fstatat(p.to, "d/link", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) &&
          st.st_uid == 5 && st.st_mtim.tv_sec == old[1].tv_sec);
    CHECK(fstatat(p.to, "fifo", &st, 0) == 0 && S_ISFIFO(st.st_mode) &&
          (st.st_mode & 07777) == 0622);
    CHECK(fstatat(p.to, "d", &st, 0) == 0 && st.st_mtim.tv_sec == old[1].tv_sec &&
          st.st_mtim.tv_nsec == old[1].tv_nsec);
    pair_close(&p);
}

/* A mount below that nobody told us of is left where it is. */
TEST(unknown_mounts_stay)
{
    char path[80];
    Pair p;
    Err err;

    pair_open(&p);
    CHECK(mkdirat(p.from, "point", 0755) == 0);
    (void)snprintf(path, sizeof(path), "%s/from/point", p.dir);
    if (mount("tmpfs", path, "tmpfs", 0, NULL) < 0) {
        printf("skip: mounting needs root\n");
        pair_close(&p);
        return;
    }
    put(p.from, "file", "x");
    CHECK_OK(move_contents(p.from, p.to, &NOTHING, &err));
    CHECK(has(p.from, "point") && has(p.to, "file"));
    CHECK(umount(path) == 0);
    pair_close(&p);
}

TEST(clearing_keeps_what_is_foreign)
{
    Str v[] = {S("a/b/keep"), S("top")};
    StrVec foreign = {.v = v, .n = 2};
    Pair p;
    Err err;

    pair_open(&p);
    CHECK(mkdirat(p.from, "a", 0755) == 0 && mkdirat(p.from, "a/b", 0755) == 0 &&
          mkdirat(p.from, "c", 0755) == 0 && mkdirat(p.from, "top", 0755) == 0);
    put(p.from, "a/b/keep", "");
    put(p.from, "a/b/drop", "");
    put(p.from, "a/drop", "");
    put(p.from, "c/drop", "");
    put(p.from, "top/keep", "");
    CHECK_OK(clear_contents(p.from, &foreign, &err));
    CHECK(has(p.from, "a/b/keep") && has(p.from, "top/keep"));
    CHECK(!has(p.from, "a/b/drop") && !has(p.from, "a/drop") && !has(p.from, "c"));
    pair_close(&p);
}

TEST(foreign_paths_are_sorted_and_none_is_below_another)
{
    Str v[] = {S("/b/c/d"), S("/b/c"), S("/b-c"), S("//a/./x/"), S("/proc/1"), S("/b/c")};
    StrVec keep = {.v = v, .n = ARRAY_LEN(v)};
    Foreign f = {0};
    Err err;

    CHECK_OK(foreign_collect(&keep, &f, &err));
    for (size_t i = 0; i < f.paths.n; i++) {
        CHECK(f.paths.v[i].n > 0 && f.paths.v[i].p[0] != '/');
        CHECK(i == 0 || str_cmp(f.paths.v[i - 1], f.paths.v[i]) < 0);
        for (size_t j = 0; j < f.paths.n; j++)
            CHECK(i == j || !path_within(f.paths.v[i], f.paths.v[j]));
    }
    CHECK(foreign_covers(&f.paths, S("b/c")) && foreign_covers(&f.paths, S("b/c/d")) &&
          foreign_covers(&f.paths, S("b-c")));
    CHECK(foreign_covers(&f.paths, S("a/x/y")) && !foreign_covers(&f.paths, S("a")) &&
          !foreign_covers(&f.paths, S("b/cc")));
    CHECK(foreign_is_above(&f.paths, S("b")) && foreign_is_above(&f.paths, S("a")) &&
          !foreign_is_above(&f.paths, S("b/c")));
    CHECK(foreign_covers(&f.paths, S("proc")) && foreign_covers(&f.paths, S("sys/x")) &&
          foreign_covers(&f.paths, S("dev/null")));
    foreign_done(&f);
}

TEST_MAIN(T(everything_moves), T(foreign_paths_stay), T(a_second_call_goes_on),
          T(half_a_move_and_back), T(errors_name_the_path_once), T(copies_between_file_systems),
          T(unknown_mounts_stay), T(clearing_keeps_what_is_foreign),
          T(foreign_paths_are_sorted_and_none_is_below_another))
