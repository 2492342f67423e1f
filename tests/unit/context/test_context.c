/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small directory as a context: what its tree shows with and without .dockerignore, and what happens when files change
 * between the listing and the copy.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "context/context.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/temp.h"
#include "test.h"

static const ContextOpts plain = {.kiln_dir = "/nonexistent"};

typedef struct Fixture {
    Temp *dir;
    int fd;
    Context *c;
} Fixture;

static void put(Fixture *f, const char *path, const char *text)
{
    Err err;
    Str dir = path_dir(str_from(path));
    cleanup_free char *z = str_dup(dir);

    if (dir.n)
        CHECK_OK(dir_make_all(f->fd, z, 0755, &err));
    CHECK_OK(file_write_atomic(f->fd, path, 0644, str_from(text), &err));
}

static Fixture setup(void)
{
    Fixture f = {0};
    Err err;

    CHECK_OK(temp_dir("/tmp", "kiln-context", &f.dir, &err));
    f.fd = open(temp_path(f.dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_OK(context_open(temp_path(f.dir), &plain, &f.c, &err));
    put(&f, "a", "one");
    put(&f, "d/b", "two");
    put(&f, "d/e/c", "three");
    return f;
}

static void teardown(Fixture *f)
{
    context_free(f->c);
    close(f->fd);
    temp_free(f->dir);
}

static void ignore(Fixture *f, const char *patterns)
{
    Ignore *i;
    Err err;

    CHECK_OK(ignore_parse(S(".dockerignore"), str_from(patterns), &i, &err));
    context_set_ignore(f->c, i);
}

static void list(Fixture *f, Node *dir, Buf *out)
{
    cleanup_arena Arena a = ARENA_INIT;
    NodeVec children = {0};
    Err err;

    CHECK_OK(tree_list(context_tree(f->c), dir, &children, &err));
    vec_foreach(n, &children) {
        buf_addf(out, "%s%s ", node_path(*n, &a).p, node_is_dir(*n) ? "/" : "");
        if (node_is_dir(*n))
            list(f, *n, out);
    }
    vec_done(&children);
}

static void expect(Fixture *f, const char *want)
{
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);

    list(f, tree_root(context_tree(f->c)), &got);
    CHECK_STR(str_trim(buf_str(&got)), str_from(want));
}

static Node *find(Fixture *f, const char *path)
{
    Node *n;
    Err err;

    CHECK_OK(tree_at(context_tree(f->c), str_from(path), &n, &err));
    CHECK(n);
    return n;
}

TEST(everything)
{
    Fixture f = setup();

    expect(&f, "a d/ d/b d/e/ d/e/c");
    CHECK(find(&f, "d/e/c")->inode->size == 5 && find(&f, "a")->inode->uid == 0);
    teardown(&f);
}

TEST(what_is_ignored_is_not_there)
{
    Fixture f = setup();

    put(&f, "x/y/z/in", "1");
    put(&f, "x/y/out", "1");
    put(&f, "x/q/out", "1");
    ignore(&f, "d/e\nx\n!x/y/z\n");
    expect(&f, "a d/ d/b x/ x/y/ x/y/z/ x/y/z/in");
    teardown(&f);
}

/* Nested deeper than there may be open files. */
TEST(deep_directories_with_an_exception)
{
    struct rlimit few = {.rlim_cur = 40, .rlim_max = 40}, before;
    cleanup_buf Buf path = BUF_INIT(BUF_SMALL);
    Fixture f = setup();

    for (int i = 0; i < 200; i++)
        buf_add_z(&path, "n/");
    buf_add_z(&path, "kept");
    put(&f, buf_z(&path), "x");
    ignore(&f, "n\n!**/kept\n");
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    few.rlim_max = before.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK(find(&f, buf_z(&path))->inode->size == 1);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    teardown(&f);
}

TEST(odd_files)
{
    Fixture f = setup();
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    OpenFile got;
    struct stat st;
    Err err;

    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/socket", temp_path(f.dir));
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    close(fd);
    CHECK(mkfifoat(f.fd, "fifo", 0600) == 0 && symlinkat("/etc/passwd", f.fd, "link") == 0);
    CHECK(linkat(f.fd, "a", f.fd, "d/hard", 0) == 0);
    expect(&f, "a d/ d/b d/e/ d/e/c d/hard fifo link socket");
    CHECK(S_ISREG(find(&f, "socket")->inode->mode) && find(&f, "socket")->inode->size == 0);
    CHECK(S_ISFIFO(find(&f, "fifo")->inode->mode));
    CHECK_STR(str_from(find(&f, "link")->inode->target), S("/etc/passwd"));
    CHECK(find(&f, "a")->inode == find(&f, "d/hard")->inode);
    CHECK_OK(context_files(f.c)->open(context_files(f.c), find(&f, "socket"), &got, &err));
    CHECK(fstat(got.fd, &st) == 0);
    open_file_done(&got);
    teardown(&f);
}

/* Replaced by a link to elsewhere, or by a fifo that nobody writes to, after the context was listed. */
TEST(files_that_change)
{
    Fixture f = setup();
    FileSource *files = context_files(f.c);
    OpenFile fd;
    Err err;

    expect(&f, "a d/ d/b d/e/ d/e/c");
    CHECK(unlinkat(f.fd, "a", 0) == 0 && symlinkat("/etc/passwd", f.fd, "a") == 0);
    CHECK_ERR(files->open(files, find(&f, "a"), &fd, &err), ERR_SYS, "context file \"a\"");
    CHECK(unlinkat(f.fd, "d/b", 0) == 0 && mkfifoat(f.fd, "d/b", 0600) == 0);
    if (files->open(files, find(&f, "d/b"), &fd, &err) == 0) {
        FdRangeReader r = fd_range_reader(fd.fd, fd.at, 3);
        char got[3];

        CHECK_ERR(reader_read(&r.r, got, 3, &err), ERR_SYS, "");
        open_file_done(&fd);
    }
    CHECK(unlinkat(f.fd, "d/e/c", 0) == 0);
    CHECK_ERR(files->open(files, find(&f, "d/e/c"), &fd, &err), ERR_SYS, "No such file");
    teardown(&f);
}

TEST(kinds)
{
    cleanup_free char *spec = NULL;
    Fixture f = setup();
    Context *c;
    Err err;

    CHECK_ERR(context_open("/nonexistent/x", &plain, &c, &err), ERR_NOT_FOUND, "does not exist");
    CHECK_ERR(context_open("/etc/passwd", &plain, &c, &err), ERR_USAGE, "not a directory");
    CHECK_ERR(context_open("tar:///nonexistent/x.tar", &plain, &c, &err), ERR_NOT_FOUND,
              "does not exist");
    CHECK_ERR(context_open("tar:///etc", &plain, &c, &err), ERR_USAGE, "is a directory");
    CHECK_ERR(context_open("s3://bucket/../key", &plain, &c, &err), ERR_USAGE, "part \".\"");
    CHECK_ERR(context_open("gs://bu@cket/key", &plain, &c, &err), ERR_USAGE, "no name of a bucket");
    CHECK_ERR(context_open("https://a.blob.core.windows.net/", &plain, &c, &err), ERR_USAGE,
              "/CONTAINER/BLOB");
    CHECK_ERR(context_open("git@-host:repo", &plain, &c, &err), ERR_USAGE, "not the address");
    CHECK_ERR(context_open("nosuch://x", &plain, &c, &err), ERR_USAGE, "unknown kind");
    CHECK(asprintf(&spec, "dir://%s", temp_path(f.dir)) > 0);
    CHECK_OK(context_open(spec, &plain, &c, &err));
    CHECK_STR(str_from(context_name(c)), str_from(spec));
    context_free(c);
    teardown(&f);
}

TEST(files_by_name)
{
    cleanup_buf Buf text = BUF_INIT(4);
    Fixture f = setup();
    Err err;

    ignore(&f, "a\n");
    CHECK_OK(context_read(f.c, "a", &text, &err));
    CHECK_STR(buf_str(&text), S("one"));
    CHECK_ERR(context_read(f.c, "nosuch", &text, &err), ERR_NOT_FOUND, "nosuch does not exist");
    CHECK_ERR(context_read(f.c, "d/e/c", &text, &err), ERR_LIMIT, "larger than");
    CHECK_ERR(context_read(f.c, "d", &text, &err), ERR_SYS, "directory");
    teardown(&f);
}

TEST_MAIN(T(everything), T(what_is_ignored_is_not_there), T(deep_directories_with_an_exception),
          T(odd_files), T(files_that_change), T(kinds), T(files_by_name))
