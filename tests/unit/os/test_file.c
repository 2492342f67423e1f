/* SPDX-License-Identifier: Apache-2.0 */
#include "os/file.h"
#include "os/walk.h"
#include "scratch.h"

static size_t count_entries(int dirfd)
{
    cleanup_dir_list DirList l = {0};
    Err err;

    CHECK_OK(dir_list(dirfd, &l, &err));
    return l.n;
}

static mode_t mode_of(int dirfd, const char *name)
{
    struct stat st;

    CHECK(fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
    return st.st_mode & 07777;
}

TEST(reads_whole_files_up_to_a_bound)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_buf Buf b = BUF_INIT(10), small = BUF_INIT(4);
    Err err;

    put(s.fd, "f", "12345");
    CHECK_OK(file_read(s.fd, "f", &b, &err));
    CHECK_OK(file_read(s.fd, "f", &b, &err)); /* appends, to the very bound */
    CHECK_STR(buf_str(&b), S("1234512345"));
    CHECK_ERR(file_read(s.fd, "f", &small, &err), ERR_LIMIT, "f: file is larger than 4 bytes");
    CHECK_ERR(file_read(s.fd, "missing", &b, &err), ERR_NOT_FOUND, "missing does not exist");
    CHECK_ERR(file_read(s.fd, "f/x", &b, &err), ERR_SYS, "f/x: Not a directory");
    CHECK_ERR(file_read(s.fd, ".", &b, &err), ERR_SYS, ".: read: Is a directory");
}

TEST(replaces_at_once)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_close int old = -1;
    mode_t before = umask(027);
    char byte;
    Err err;

    CHECK_OK(file_write_atomic(s.fd, "f", 0666, S("old"), &err));
    CHECK(mode_of(s.fd, "f") == 0640);
    old = openat(s.fd, "f", O_RDONLY | O_CLOEXEC);
    CHECK_OK(file_write_atomic(s.fd, "f", 0600, S(""), &err));
    CHECK_FILE(s.fd, "f", S(""));
    CHECK(mode_of(s.fd, "f") == 0600);
    CHECK(read(old, &byte, 1) == 1 && byte == 'o'); /* who has it open keeps it */
    CHECK(symlinkat("f", s.fd, "link") == 0);
    CHECK_OK(file_write_atomic(s.fd, "link", 0600, S("new"), &err));
    CHECK_FILE(s.fd, "f", S(""));
    CHECK_FILE(s.fd, "link", S("new"));
    CHECK(count_entries(s.fd) == 2); /* and nothing temporary */
    (void)umask(before);
}

TEST(keeps_what_is_there)
{
    cleanup_scratch Scratch s = scratch_new();
    Err err;

    CHECK_OK(file_write_new(s.fd, "f", 0644, S("first"), &err));
    CHECK_OK(file_write_new(s.fd, "f", 0644, S("second"), &err));
    CHECK_FILE(s.fd, "f", S("first"));
    CHECK(count_entries(s.fd) == 1);
}

static void without_links(void *arg)
{
    Scratch *s = arg;
    Err err;

    if (!deny(SYS_linkat, EPERM))
        return;
    CHECK_OK(file_write_new(s->fd, "f", 0644, S("first"), &err));
    CHECK_OK(file_write_new(s->fd, "f", 0644, S("second"), &err));
    CHECK_FILE(s->fd, "f", S("first"));
    CHECK(count_entries(s->fd) == 1);
}

TEST(keeps_it_where_there_are_no_links)
{
    cleanup_scratch Scratch s = scratch_new();

    in_child(without_links, &s);
}

TEST(a_failed_write_leaves_nothing)
{
    cleanup_scratch Scratch s = scratch_new();
    char name[256];
    Err err;

    CHECK(mkdirat(s.fd, "d", 0755) == 0);
    CHECK_ERR(file_write_atomic(s.fd, "d", 0644, S("x"), &err), ERR_SYS, "rename to d: Is a dir");
    CHECK_ERR(file_write_atomic(s.fd, "no/f", 0644, S("x"), &err), ERR_SYS, "beside no/f: No such");
    CHECK_ERR(file_write(s.fd, "no/f", 0644, S("x"), &err), ERR_SYS, "beside no/f: No such");
    CHECK(count_entries(s.fd) == 1);
    memset(name, 'n', 255);
    name[255] = '\0';
    CHECK_OK(file_write_atomic(s.fd, name, 0644, S("long"), &err));
    CHECK_FILE(s.fd, name, S("long"));
}

TEST(writes_through_what_is_no_file)
{
    cleanup_scratch Scratch s = scratch_new();
    Err err;

    put(s.fd, "f", "old and long");
    CHECK(symlinkat("f", s.fd, "link") == 0);
    CHECK_OK(file_write(s.fd, "link", 0644, S("new"), &err));
    CHECK_FILE(s.fd, "f", S("new"));
    CHECK(readlinkat(s.fd, "link", (char[8]){0}, 8) == 1);
    CHECK_OK(file_write(s.fd, "fresh", 0640, S("x"), &err));
    CHECK_FILE(s.fd, "fresh", S("x"));
    CHECK_OK(file_write(AT_FDCWD, "/dev/null", 0644, S("gone"), &err));
    CHECK_ERR(file_write(s.fd, ".", 0644, S("x"), &err), ERR_SYS, "open .: Is a directory");
}

static void write_beside_nothing(void *arg)
{
    const Scratch *s = arg;
    Err err;

    become_nobody();
    CHECK_OK(file_write(s->fd, "ours", 0644, S("new"), &err));
    CHECK_ERR(file_write(s->fd, "theirs", 0644, S("new"), &err), ERR_SYS, "Permission denied");
}

static void write_mount_point(void *arg)
{
    Scratch own = *(const Scratch *)arg, *s = &own;
    char a[512], b[512];
    Err err;

    (void)snprintf(a, sizeof(a), "%s/ours", s->path);
    (void)snprintf(b, sizeof(b), "%s/point", s->path);
    if (!enter_mount_namespace(s) || mount(a, b, NULL, MS_BIND, NULL) < 0) {
        printf(
            "skip needs CAP_SYS_ADMIN or user namespaces: writing a file that is a mount point\n");
        return;
    }
    CHECK_OK(file_write(s->fd, "point", 0644, S("mounted"), &err));
    CHECK_FILE(s->fd, "ours", S("mounted"));
}

TEST(writes_in_place_where_nothing_can_be_renamed)
{
    cleanup_scratch Scratch s = scratch_new();

    put(s.fd, "ours", "old");
    put(s.fd, "theirs", "old");
    put(s.fd, "point", "below");
    CHECK(fchmodat(s.fd, "ours", 0666, 0) == 0 && fchmodat(s.fd, "theirs", 0444, 0) == 0);
    CHECK(fchmod(s.fd, 0555) == 0);
    in_child(write_beside_nothing, &s);
    CHECK_FILE(s.fd, "ours", S("new"));
    CHECK(fchmod(s.fd, 0755) == 0);
    in_child(write_mount_point, &s);
    CHECK_FILE(s.fd, "point", S("below"));
}

static int target(const Scratch *s, const char *name, bool is_dir, bool make_parents, Err *err)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", s->path, name);
    return file_check_target(path, is_dir, make_parents, err);
}

static void look_at_targets(void *arg)
{
    const Scratch *s = arg;
    Err err;

    become_nobody();
    CHECK_OK(target(s, "open/f", false, false, &err));
    CHECK_OK(target(s, "open/new", false, false, &err));
    CHECK_OK(target(s, "open/new", true, false, &err));
    CHECK_OK(target(s, "open", true, false, &err));
    CHECK_OK(target(s, "open/a/b/c", false, true, &err));
    CHECK_ERR(target(s, "open/a/b/c", false, false, &err), ERR_SYS, "open/a/b: No such file");
    CHECK_ERR(target(s, "open", false, false, &err), ERR_USAGE, "open is a directory");
    CHECK_ERR(target(s, "open/f", true, false, &err), ERR_USAGE, "open/f is not a directory");
    CHECK_ERR(target(s, "open/f/g", false, true, &err), ERR_USAGE, "open/f is not a directory");
    CHECK_OK(target(s, "closed/writable", false, false, &err));
    CHECK_ERR(target(s, "closed/new", false, false, &err), ERR_SYS, "closed cannot be written");
    CHECK_ERR(target(s, "closed/new", true, true, &err), ERR_SYS, "closed cannot be written");
    CHECK_ERR(target(s, "closed", true, false, &err), ERR_SYS, "closed cannot be written");
    CHECK(count_entries(s->fd) == 2);
}

TEST(looks_at_targets_and_touches_nothing)
{
    cleanup_scratch Scratch s = scratch_new();
    Err err;

    CHECK(fchmod(s.fd, 0755) == 0);
    CHECK_OK(dir_make_all(s.fd, "open", 0755, &err));
    CHECK_OK(dir_make_all(s.fd, "closed", 0755, &err));
    put(s.fd, "open/f", "");
    put(s.fd, "closed/writable", "");
    CHECK(fchmodat(s.fd, "open", 0777, 0) == 0);
    CHECK(fchmodat(s.fd, "closed/writable", 0666, 0) == 0);
    CHECK(fchmodat(s.fd, "closed", 0555, 0) == 0);
    in_child(look_at_targets, &s);
    CHECK(fchmodat(s.fd, "closed", 0755, 0) == 0);
}

TEST(makes_directories)
{
    cleanup_scratch Scratch s = scratch_new();
    mode_t before = umask(0);
    char absolute[512];
    Err err;

    CHECK_OK(dir_make_all(s.fd, "a/b//c/", 0751, &err));
    CHECK(mode_of(s.fd, "a") == 0751 && mode_of(s.fd, "a/b/c") == 0751);
    CHECK_OK(dir_make_all(s.fd, "a/b", 0700, &err));
    CHECK(mode_of(s.fd, "a/b") == 0751);
    CHECK(symlinkat("a", s.fd, "link") == 0);
    CHECK_OK(dir_make_all(s.fd, "link/../link/d", 0700, &err));
    CHECK(mode_of(s.fd, "a/d") == 0700);
    (void)snprintf(absolute, sizeof(absolute), "%s/x/y", s.path);
    CHECK_OK(dir_make_all(AT_FDCWD, absolute, 0700, &err));
    CHECK(mode_of(s.fd, "x/y") == 0700);
    CHECK_OK(dir_make_all(s.fd, "", 0700, &err));
    CHECK_OK(dir_make_all(s.fd, ".", 0700, &err));
    CHECK_OK(dir_make_all(AT_FDCWD, "/", 0700, &err));
    (void)umask(before);
}

static void make_below_read_only(void *arg)
{
    const Scratch *s = arg;
    Err err;

    become_nobody();
    CHECK_OK(dir_make_all(s->fd, "closed/open/new", 0755, &err));
    CHECK_ERR(dir_make_all(s->fd, "closed/other", 0755, &err), ERR_SYS, "mkdir closed/other: Perm");
}

static void make_where_nothing_can_be_made(void *arg)
{
    const Scratch *s = arg;
    Err err;

    if (!deny(SYS_mkdirat, EROFS) || !deny(SYS_mkdir, EROFS))
        return;
    CHECK_OK(dir_make_all(s->fd, "a/b", 0755, &err));
    CHECK_ERR(dir_make_all(s->fd, "a/c", 0755, &err), ERR_SYS, "mkdir a/c: Read-only");
}

TEST(what_is_there_need_not_be_made)
{
    cleanup_scratch Scratch s = scratch_new();
    Err err;

    CHECK_OK(dir_make_all(s.fd, "a/b", 0755, &err));
    in_child(make_where_nothing_can_be_made, &s);
}

TEST(makes_no_directory_of_what_is_none)
{
    cleanup_scratch Scratch s = scratch_new();
    Err err;

    CHECK(fchmod(s.fd, 0755) == 0);
    put(s.fd, "f", "");
    CHECK_ERR(dir_make_all(s.fd, "f", 0755, &err), ERR_SYS, "mkdir f: Not a directory");
    CHECK_ERR(dir_make_all(s.fd, "f/g", 0755, &err), ERR_SYS, "mkdir f/g: Not a directory");
    CHECK_OK(dir_make_all(s.fd, "closed/open", 0755, &err));
    CHECK(fchmodat(s.fd, "closed/open", 0777, 0) == 0 && fchmodat(s.fd, "closed", 0555, 0) == 0);
    in_child(make_below_read_only, &s);
    CHECK(fchmodat(s.fd, "closed", 0755, 0) == 0);
}

TEST_MAIN(T(reads_whole_files_up_to_a_bound), T(replaces_at_once), T(keeps_what_is_there),
          T(keeps_it_where_there_are_no_links), T(a_failed_write_leaves_nothing),
          T(writes_through_what_is_no_file), T(writes_in_place_where_nothing_can_be_renamed),
          T(looks_at_targets_and_touches_nothing), T(makes_directories),
          T(what_is_there_need_not_be_made), T(makes_no_directory_of_what_is_none))
