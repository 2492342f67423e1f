/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each case: adopt a small directory, change one thing with ordinary system calls, scan, and compare the list of dirty paths and
 * deletions with what is expected, letter for letter.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/limits.h"
#include "os/temp.h"
#include "test.h"
#include "tree/scan.h"

typedef struct Fixture {
    Temp *dir;
    int fd;
    Tree *tree;
    Pool *pool;
    StrVec foreign;
} Fixture;

static ScanOpts opts(Fixture *f)
{
    return (ScanOpts){.root_fd = f->fd, .foreign = &f->foreign, .pool = f->pool};
}

static void put(Fixture *f, const char *path, const char *text)
{
    int fd = openat(f->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void clean(Node *n)
{
    n->flags &= (uint8_t) ~(NODE_DIRTY | NODE_DIRTY_BELOW | NODE_NEW);
    if (node_is_dir(n))
        for (Node *c = n->inode->children; c; c = c->next)
            clean(c);
}

static void forget(Fixture *f)
{
    clean(tree_root(f->tree));
    tree_forget_deletions(f->tree);
    scan_settle(f->tree);
}

static Fixture setup(void)
{
    Fixture f = {.tree = tree_new(), .pool = pool_new(2)};
    ScanOpts o;
    Err err;

    CHECK_OK(temp_dir("/tmp", "kiln-scan", &f.dir, &err));
    f.fd = open(temp_path(f.dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(f.fd >= 0);
    CHECK(mkdirat(f.fd, "d", 0755) == 0 && mkdirat(f.fd, "d/e", 0755) == 0);
    put(&f, "a", "one");
    put(&f, "d/b", "two");
    put(&f, "d/e/c", "three");
    CHECK(linkat(f.fd, "a", f.fd, "d/hard", 0) == 0 && symlinkat("a", f.fd, "link") == 0);
    o = opts(&f);
    CHECK_OK(scan_changes(f.tree, &o, &err));
    forget(&f);
    return f;
}

static void teardown(Fixture *f)
{
    tree_free(f->tree);
    pool_free(f->pool);
    close(f->fd);
    temp_free(f->dir);
    vec_done(&f->foreign);
}

static void list_dirty(Node *n, Buf *out)
{
    cleanup_arena Arena a = ARENA_INIT;
    NodeVec children = {0};
    Err err;

    if (n->flags & NODE_DIRTY)
        buf_addf(out, "%s%s ", node_path(n, &a).p, node_is_dir(n) ? "/" : "");
    if (!node_is_dir(n))
        return;
    CHECK_OK(tree_list(NULL, n, &children, &err));
    vec_foreach(c, &children)
        list_dirty(*c, out);
    vec_done(&children);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void expect(Fixture *f, const char *want)
{
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);
    cleanup_arena Arena a = ARENA_INIT;
    const char *gone[16];
    const Deletion *d;
    ScanOpts o = opts(f);
    size_t n;
    Err err;

    CHECK_OK(scan_changes(f->tree, &o, &err));
    list_dirty(tree_root(f->tree), &got);
    d = tree_deletions(f->tree, &n);
    CHECK(n <= 16);
    for (size_t i = 0; i < n; i++) {
        Str dir = node_path(d[i].dir, &a);

        gone[i] = str_fmt_in(&a, "-%s%s%s ", dir.p, dir.n ? "/" : "", d[i].name.p).p;
    }
    if (n > 1)
        qsort(gone, n, sizeof(*gone), by_text);
    for (size_t i = 0; i < n; i++)
        buf_add_z(&got, gone[i]);
    CHECK_STR(str_trim(buf_str(&got)), str_from(want));
    forget(f);
    /* What was found is now known. */
    CHECK_OK(scan_changes(f->tree, &o, &err));
    buf_truncate(&got, 0);
    list_dirty(tree_root(f->tree), &got);
    CHECK_STR(buf_str(&got), S(""));
}

TEST(nothing_changed)
{
    Fixture f = setup();

    expect(&f, "");
    teardown(&f);
}

TEST(content_and_creation)
{
    Fixture f = setup();

    put(&f, "d/b", "TWO");
    put(&f, "d/new", "x");
    expect(&f, "d/b d/new");
    /* The same size, and the old mtime put back: ctime tells. */
    struct stat st;
    CHECK(fstatat(f.fd, "d/b", &st, 0) == 0);
    put(&f, "d/b", "owt");
    CHECK(utimensat(f.fd, "d/b", (struct timespec[2]){st.st_atim, st.st_mtim}, 0) == 0);
    expect(&f, "d/b");
    teardown(&f);
}

TEST(twice_within_a_tick)
{
    Fixture f = setup();

    for (int i = 0; i < 50; i++) {
        put(&f, "d/b", i % 2 ? "aaa" : "bbb");
        expect(&f, "d/b");
    }
    teardown(&f);
}

/* A directory with only its time set; one in which something else changed is not a change of its own. */
TEST(directory_times)
{
    Fixture f = setup();
    const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

    CHECK(utimensat(f.fd, "d/e", old, 0) == 0);
    expect(&f, "d/e/");
    put(&f, "d/e/c", "new content");
    CHECK(utimensat(f.fd, "d/e", old, 0) == 0);
    expect(&f, "d/e/c");
    teardown(&f);
}

/* "stub-x" and "stub!" sort between "stub" and "stub/f" as bytes, but are no reason to forget what lies in it. */
TEST(stubs_and_their_neighbours)
{
    Fixture f = setup();

    vec_push(&f.foreign, S("stub/mount"));
    CHECK(mkdirat(f.fd, "stub", 0755) == 0 && mkdirat(f.fd, "stub/mount", 0755) == 0);
    CHECK(mkdirat(f.fd, "stub-x", 0755) == 0);
    put(&f, "stub!", "x");
    put(&f, "stub/f", "x");
    expect(&f, "stub/ stub/f stub! stub-x/");
    teardown(&f);
}

TEST(deletions)
{
    Fixture f = setup();

    CHECK(unlinkat(f.fd, "d/e/c", 0) == 0 && unlinkat(f.fd, "d/e", AT_REMOVEDIR) == 0);
    CHECK(unlinkat(f.fd, "link", 0) == 0);
    expect(&f, "-d/e -link");
    teardown(&f);
}

TEST(other_types)
{
    Fixture f = setup();

    CHECK(unlinkat(f.fd, "d/e/c", 0) == 0 && unlinkat(f.fd, "d/e", AT_REMOVEDIR) == 0);
    put(&f, "d/e", "now a file");
    CHECK(unlinkat(f.fd, "d/b", 0) == 0 && mkdirat(f.fd, "d/b", 0700) == 0);
    put(&f, "d/b/in", "x");
    CHECK(unlinkat(f.fd, "link", 0) == 0 && mkfifoat(f.fd, "link", 0600) == 0);
    expect(&f, "d/b/ d/b/in d/e link");
    teardown(&f);
}

TEST(modes_only)
{
    Fixture f = setup();

    CHECK(fchmodat(f.fd, "d/e", 0700, 0) == 0);
    expect(&f, "d/e/");
    CHECK(fchmodat(f.fd, "d/b", 04755, 0) == 0);
    expect(&f, "d/b");
    if (geteuid() == 0) {
        CHECK(fchownat(f.fd, "d/b", 7, 8, 0) == 0);
        expect(&f, "d/b");
        CHECK(fchownat(f.fd, "link", 7, 8, AT_SYMLINK_NOFOLLOW) == 0);
        expect(&f, "link");
    }
    teardown(&f);
}

TEST(a_directory_whose_entries_came_and_went)
{
    Fixture f = setup();

    put(&f, "d/e/tmp", "x");
    CHECK(unlinkat(f.fd, "d/e/tmp", 0) == 0);
    expect(&f, "");
    teardown(&f);
}

TEST(renames)
{
    Fixture f = setup();

    CHECK(renameat(f.fd, "d/e", f.fd, "moved") == 0);
    expect(&f, "moved/ moved/c -d/e");
    teardown(&f);
}

TEST(hard_links)
{
    Fixture f = setup();
    Node *a, *h;
    Err err;

    CHECK(linkat(f.fd, "d/b", f.fd, "b2", 0) == 0);
    expect(&f, "b2 d/b");
    CHECK_OK(tree_at(f.tree, S("b2"), &a, &err));
    CHECK_OK(tree_at(f.tree, S("d/b"), &h, &err));
    CHECK(a->inode == h->inode && a->inode->nlink == 2);
    /* Through one name, seen under both. */
    put(&f, "a", "through the link");
    expect(&f, "a d/hard");
    teardown(&f);
}

TEST(extended_attributes)
{
    Fixture f = setup();
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/d/b", temp_path(f.dir));
    if (setxattr(path, "user.kiln", "1", 1, 0) < 0) {
        printf("skip extended_attributes: no user xattrs in /tmp\n");
    } else {
        expect(&f, "d/b");
        (void)snprintf(path, sizeof(path), "%s/d/e", temp_path(f.dir));
        CHECK(setxattr(path, "user.kiln", "1", 1, 0) == 0);
        expect(&f, "d/e/");
    }
    teardown(&f);
}

TEST(what_is_not_the_images)
{
    Fixture f = setup();

    vec_push(&f.foreign, S("d/e"));
    vec_push(&f.foreign, S("run/secrets/x"));
    CHECK(unlinkat(f.fd, "d/e/c", 0) == 0);
    CHECK(mkdirat(f.fd, "run", 0755) == 0 && mkdirat(f.fd, "run/secrets", 0755) == 0 &&
          mkdirat(f.fd, "run/secrets/x", 0755) == 0);
    Node *e;
    Err err;
    CHECK_OK(tree_at(f.tree, S("d/e"), &e, &err));
    e->flags |= NODE_ABSENT;
    expect(&f, "");
    put(&f, "run/mine", "x");
    expect(&f, "run/ run/mine");
    teardown(&f);
}

/* var/run is a link in the image, but the container has a mount below a directory of that name. */
TEST(a_directory_for_a_mount_where_the_image_has_a_link)
{
    Fixture f = setup();
    ScanOpts o = opts(&f);
    Inode *i = tree_inode_new(f.tree, S_IFLNK | 0777);
    Node *n;
    Err err;

    vec_push(&f.foreign, S("rund/secrets"));
    inode_set_target(f.tree, i, S("run"));
    CHECK_OK(tree_add(f.tree, tree_root(f.tree), S("rund"), i, &n, &err));
    CHECK(mkdirat(f.fd, "rund", 0755) == 0 && mkdirat(f.fd, "rund/secrets", 0755) == 0);
    CHECK_OK(scan_adopt(f.tree, &o, &err));
    CHECK(n->flags & NODE_ABSENT);
    put(&f, "rund/daemon.pid", "x");
    expect(&f, "");
    CHECK_OK(tree_at(f.tree, S("rund"), &n, &err));
    CHECK(n && S_ISLNK(n->inode->mode));
    teardown(&f);
}

static void make_socket(Fixture *f, const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s", temp_path(f->dir), name);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    close(fd);
}

/* No archive can hold one; what stood there before is gone all the same. */
TEST(sockets)
{
    Fixture f = setup();

    make_socket(&f, "d/socket");
    expect(&f, "");
    CHECK(unlinkat(f.fd, "d/b", 0) == 0);
    make_socket(&f, "d/b");
    CHECK(unlinkat(f.fd, "d/e/c", 0) == 0 && unlinkat(f.fd, "d/e", AT_REMOVEDIR) == 0);
    make_socket(&f, "d/e");
    expect(&f, "-d/b -d/e");
    CHECK(unlinkat(f.fd, "d/b", 0) == 0);
    put(&f, "d/b", "again");
    expect(&f, "d/b");
    teardown(&f);
}

TEST(odd_names)
{
    Fixture f = setup();

    put(&f, "d/\n", "x");
    put(&f, "d/ .wh.\xff", "x");
    CHECK(mkdirat(f.fd, "d/...", 0755) == 0);
    expect(&f, "d/\n d/ .wh.\xff d/.../");
    teardown(&f);
}

/* The image has "far/away/here" and "far/gone"; neither could be made on the disk. Then a command makes far/away. */
TEST(what_was_not_there_is_not_deleted)
{
    Fixture f = setup();
    ScanOpts o = opts(&f);
    Node *far, *away, *here;
    Err err;

    CHECK_OK(tree_add(f.tree, tree_root(f.tree), S("far"), tree_inode_new(f.tree, S_IFDIR | 0755),
                      &far, &err));
    CHECK_OK(tree_add(f.tree, far, S("away"), tree_inode_new(f.tree, S_IFDIR | 0755), &away, &err));
    CHECK_OK(
        tree_add(f.tree, away, S("here"), tree_inode_new(f.tree, S_IFREG | 0644), &here, &err));
    CHECK_OK(tree_add(f.tree, far, S("gone"), tree_inode_new(f.tree, S_IFREG | 0644), NULL, &err));
    CHECK_OK(scan_adopt(f.tree, &o, &err));
    expect(&f, "");
    CHECK(mkdirat(f.fd, "far", 0755) == 0 && mkdirat(f.fd, "far/away", 0755) == 0);
    expect(&f, "far/ far/away/");
    CHECK(here->flags & NODE_ABSENT);
    put(&f, "far/away/here", "x");
    expect(&f, "far/away/here");
    CHECK(unlinkat(f.fd, "far/away/here", 0) == 0);
    expect(&f, "-far/away/here");
    teardown(&f);
}

/* 20 directories of 250 bytes each: no such path can be used at once, but a command can make it step by step. */
TEST(paths_without_end)
{
    Fixture f = setup();
    ScanOpts o = opts(&f);
    int at = dup(f.fd);
    char name[251];
    Err err;

    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (int i = 0; i < 20; i++) {
        int next;

        CHECK(mkdirat(at, name, 0755) == 0);
        next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(next >= 0);
        close(at);
        at = next;
    }
    close(at);
    CHECK_ERR(scan_changes(f.tree, &o, &err), ERR_LIMIT, "the path of a file in the image");
    teardown(&f);
}

static void scan_below_a_mount(void)
{
    Fixture f = setup();
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/d/e", temp_path(f.dir));
    CHECK(mount("kiln", path, "tmpfs", 0, NULL) == 0);
    put(&f, "d/e/hidden", "x");
    put(&f, "d/b", "seen");
    CHECK(mkdirat(f.fd, "m", 0755) == 0);
    (void)snprintf(path, sizeof(path), "%s/m", temp_path(f.dir));
    CHECK(mount("kiln", path, "tmpfs", 0, NULL) == 0);
    put(&f, "m/hidden", "x");
    expect(&f, "d/b");
    CHECK(umount(path) == 0);
    (void)snprintf(path, sizeof(path), "%s/d/e", temp_path(f.dir));
    CHECK(umount(path) == 0);
    expect(&f, "m/");
    teardown(&f);
}

/* A command that may mount, and does: neither what it mounted nor what that hides changes the image. */
TEST(mounts_of_a_command)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
            _exit(77);
        scan_below_a_mount();
        _exit(0);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        printf("skip mounts_of_a_command: this process may not mount\n");
    else
        CHECK(WEXITSTATUS(status) == 0);
}

TEST_MAIN(T(nothing_changed), T(content_and_creation), T(twice_within_a_tick), T(directory_times),
          T(stubs_and_their_neighbours), T(deletions), T(other_types), T(modes_only),
          T(a_directory_whose_entries_came_and_went), T(renames), T(hard_links),
          T(extended_attributes), T(what_is_not_the_images),
          T(a_directory_for_a_mount_where_the_image_has_a_link), T(sockets), T(odd_names),
          T(what_was_not_there_is_not_deleted), T(paths_without_end), T(mounts_of_a_command))
