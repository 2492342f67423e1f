/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives as contexts: brought by a thread that the test holds up where it likes.
 */
#include <pthread.h>

#include "base/limits.h"
#include "context/kinds.h"
#include "os/fd.h"
#include "os/temp.h"
#include "tar/writer.h"
#include "test.h"

/* Brings 'data' up to 'stop', waits to be let on, and then brings the rest, or fails. */
typedef struct TestBringer {
    Bringer b;
    Str data;
    size_t stop;
    bool fails;
    pthread_mutex_t held;
} TestBringer;

static int bring_test(Bringer *self, Writer *to, Err *err)
{
    TestBringer *b = (TestBringer *)self;

    TRY(writer_write(to, b->data.p, b->stop, err));
    pthread_mutex_lock(&b->held);
    pthread_mutex_unlock(&b->held);
    if (b->fails)
        return err_set(err, ERR_NET, "the line went dead");
    return writer_write(to, b->data.p + b->stop, b->data.n - b->stop, err);
}

static void free_test(Bringer *self)
{
    (void)self;
}

typedef struct Fixture {
    Temp *dir;
    Buf tar;
    BufWriter w;
    TarWriter *t;
    TestBringer from;
    ContextOpts opts;
    ArchiveOpts how;
    Context *c;
} Fixture;

static void setup(Fixture *f)
{
    Err err;

    *f = (Fixture){.tar = BUF_INIT((size_t)64 << 20), .how = {.name = "test"}};
    CHECK_OK(temp_dir("/tmp", "kiln-archive", &f->dir, &err));
    f->opts.kiln_dir = temp_path(f->dir);
    f->opts.first = "Dockerfile";
    f->w = buf_writer(&f->tar);
    f->t = tar_writer_new(&f->w.w);
    f->from.b = (Bringer){bring_test, free_test};
    pthread_mutex_init(&f->from.held, NULL);
}

static void teardown(Fixture *f)
{
    context_free(f->c);
    tar_writer_free(f->t);
    buf_done(&f->tar);
    temp_free(f->dir);
}

static void put(Fixture *f, TarEntry e, Str data)
{
    Err err;

    e.mode = e.mode ? e.mode : e.type == TAR_DIR ? 0755 : 0644;
    e.size = data.n;
    CHECK_OK(tar_writer_entry(f->t, &e, &err));
    CHECK_OK(tar_writer_data(f->t, data.p, data.n, &err));
}

static void put_file(Fixture *f, const char *name, const char *text)
{
    put(f, (TarEntry){.name = str_from(name)}, str_from(text));
}

static void begin(Fixture *f, size_t stop)
{
    Err err;

    CHECK_OK(tar_writer_finish(f->t, &err));
    f->from.data = buf_str(&f->tar);
    f->from.stop = stop < f->tar.n ? stop : f->tar.n;
    CHECK_OK(archive_context_new(&f->from.b, &f->how, &f->opts, &f->c, &err));
}

static void list(Context *c, Node *dir, Buf *out)
{
    cleanup_arena Arena a = ARENA_INIT;
    NodeVec children = {0};
    Err err;

    CHECK_OK(tree_list(context_tree(c), dir, &children, &err));
    vec_foreach(n, &children) {
        buf_addf(out, "%s%s ", node_path(*n, &a).p, node_is_dir(*n) ? "/" : "");
        if (node_is_dir(*n))
            list(c, *n, out);
    }
    vec_done(&children);
}

static void expect(Fixture *f, const char *want)
{
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);
    Err err;

    CHECK_OK(context_load(f->c, &err));
    list(f->c, tree_root(context_tree(f->c)), &got);
    CHECK_STR(str_trim(buf_str(&got)), str_from(want));
}

static void expect_text(Fixture *f, const char *path, const char *want)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    cleanup_open_file OpenFile file = OPEN_FILE_NONE;
    FdRangeReader r;
    Node *n;
    Err err;

    CHECK_OK(tree_at(context_tree(f->c), str_from(path), &n, &err));
    CHECK(n);
    CHECK_OK(context_files(f->c)->open(context_files(f->c), n, &file, &err));
    r = fd_range_reader(file.fd, file.at, n->inode->size);
    CHECK_OK(reader_read_all(&r.r, &text, path, &err));
    CHECK_STR(buf_str(&text), str_from(want));
}

TEST(files_and_their_bytes)
{
    Fixture f;

    setup(&f);
    put_file(&f, "d/one", "1");
    put_file(&f, "d/empty", "");
    put(&f, (TarEntry){.name = S("hard"), .type = TAR_HARDLINK, .link = S("d/one")}, S(""));
    put(&f, (TarEntry){.name = S("link"), .type = TAR_SYMLINK, .link = S("/etc/passwd")}, S(""));
    put_file(&f, "./three", "333");
    begin(&f, SIZE_MAX);
    expect(&f, "d/ d/empty d/one hard link three");
    expect_text(&f, "d/one", "1");
    expect_text(&f, "d/empty", "");
    expect_text(&f, "hard", "1");
    expect_text(&f, "three", "333");
    teardown(&f);
}

/* The Dockerfile is to be had while the rest is still on its way; what is not there, at the end only. */
TEST(the_first_file_comes_early)
{
    Fixture f;
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    cleanup_free char *large = NEW_N(char, 600000);
    Err err;

    setup(&f);
    put_file(&f, "./Dockerfile", "FROM x");
    put(&f, (TarEntry){.name = S("large")}, (Str){large, 600000});
    pthread_mutex_lock(&f.from.held);
    begin(&f, 550000);
    CHECK_OK(context_read(f.c, "Dockerfile", &text, &err));
    CHECK_STR(buf_str(&text), S("FROM x"));
    CHECK_OK(context_check(f.c, &err));
    pthread_mutex_unlock(&f.from.held);
    CHECK_ERR(context_read(f.c, "other", &text, &err), ERR_NOT_FOUND, "other does not exist");
    expect(&f, "Dockerfile large");
    teardown(&f);
}

TEST(a_second_first_file)
{
    Fixture f;
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Err err;

    setup(&f);
    put_file(&f, "Dockerfile", "FROM x");
    put_file(&f, "Dockerfile", "FROM y");
    begin(&f, SIZE_MAX);
    CHECK_OK(context_read(f.c, "Dockerfile", &text, &err));
    if (str_eq(buf_str(&text), S("FROM x")))
        CHECK_ERR(context_load(f.c, &err), ERR_FORMAT, "more than one file Dockerfile");
    teardown(&f);
}

TEST(a_transfer_that_fails)
{
    Fixture f;
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Err err;

    setup(&f);
    put_file(&f, "a", "1");
    f.from.fails = true;
    begin(&f, 700);
    CHECK_ERR(context_read(f.c, "Dockerfile", &text, &err), ERR_NET, "context test: the line");
    CHECK_ERR(context_load(f.c, &err), ERR_NET, "the line went dead");
    CHECK_ERR(context_check(f.c, &err), ERR_NET, "the line went dead");
    teardown(&f);
}

TEST(ignored_files_at_the_end)
{
    Fixture f;
    Err err;

    setup(&f);
    put_file(&f, "a", "1");
    put_file(&f, "d/x", "1");
    put_file(&f, "d/y/z", "1");
    put_file(&f, "e/x", "1");
    put_file(&f, ".dockerignore", "a\nd\n!d/y\ne\n!e/nothing\n");
    begin(&f, SIZE_MAX);
    CHECK_OK(context_set_ignore_file(f.c, "Dockerfile.dockerignore", &err));
    expect(&f, ".dockerignore d/ d/y/ d/y/z");
    teardown(&f);
}

TEST(beside_the_dockerfile)
{
    Fixture f;
    Err err;

    setup(&f);
    put_file(&f, "a", "1");
    put_file(&f, "b", "1");
    put_file(&f, ".dockerignore", "a\n");
    put_file(&f, "Dockerfile.dockerignore", "*\n!b\n");
    begin(&f, SIZE_MAX);
    CHECK_OK(context_set_ignore_file(f.c, "Dockerfile.dockerignore", &err));
    expect(&f, "b");
    teardown(&f);
}

TEST(a_directory_of_it)
{
    Fixture f;
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Err err;

    setup(&f);
    put_file(&f, "a", "1");
    put_file(&f, "sub/Dockerfile", "FROM sub");
    put(&f, (TarEntry){.name = S("sub/hard"), .type = TAR_HARDLINK, .link = S("a")}, S(""));
    f.opts.sub_path = "/sub/";
    begin(&f, SIZE_MAX);
    CHECK_OK(context_read(f.c, "Dockerfile", &text, &err));
    CHECK_STR(buf_str(&text), S("FROM sub"));
    expect(&f, "Dockerfile hard");
    expect_text(&f, "hard", "1");
    teardown(&f);

    setup(&f);
    put_file(&f, "a", "1");
    f.opts.sub_path = "nosuch";
    begin(&f, SIZE_MAX);
    CHECK_ERR(context_load(f.c, &err), ERR_USAGE, "no directory nosuch");
    teardown(&f);
}

static void bare(const char *text, bool maybe, Fixture *f)
{
    Err err;

    setup(f);
    f->how.maybe_dockerfile = maybe;
    f->from.data = str_from(text);
    f->from.stop = f->from.data.n;
    CHECK_OK(archive_context_new(&f->from.b, &f->how, &f->opts, &f->c, &err));
}

TEST(a_dockerfile_alone)
{
    Fixture f;
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Err err;

    bare("FROM alone\n", true, &f);
    CHECK_OK(context_read(f.c, "Dockerfile", &text, &err));
    CHECK_STR(buf_str(&text), S("FROM alone\n"));
    expect(&f, "");
    teardown(&f);
    bare("FROM alone\n", false, &f);
    CHECK_ERR(context_load(f.c, &err), ERR_FORMAT, "not a tar archive");
    teardown(&f);
    bare("", true, &f);
    CHECK_ERR(context_load(f.c, &err), ERR_FORMAT, "it is empty");
    teardown(&f);
}

static void hostile(TarEntry e, ErrKind kind, const char *part)
{
    Fixture f;
    Err err;

    setup(&f);
    put(&f, (TarEntry){.name = S("out"), .type = TAR_SYMLINK, .link = S("/etc")}, S(""));
    put(&f, e, S(""));
    begin(&f, SIZE_MAX);
    CHECK_ERR(context_load(f.c, &err), kind, part);
    teardown(&f);
}

TEST(hostile_entries)
{
    hostile((TarEntry){.name = S("../x")}, ERR_FORMAT, "leads out");
    hostile((TarEntry){.name = S("a/../../x")}, ERR_FORMAT, "leads out");
    hostile((TarEntry){.name = S("h"), .type = TAR_HARDLINK, .link = S("/etc/passwd")}, ERR_FORMAT,
            "does not exist");
    hostile((TarEntry){.name = S("h"), .type = TAR_HARDLINK, .link = S("../../etc/passwd")},
            ERR_FORMAT, "leads out");
}

/* Given up before its end: nothing hangs, nothing stays. */
TEST(given_up)
{
    Fixture f;
    cleanup_free char *large = NEW_N(char, 4000000);

    setup(&f);
    put(&f, (TarEntry){.name = S("large")}, (Str){large, 4000000});
    begin(&f, SIZE_MAX);
    teardown(&f);
}

TEST_MAIN(T(files_and_their_bytes), T(the_first_file_comes_early), T(a_second_first_file),
          T(a_transfer_that_fails), T(ignored_files_at_the_end), T(beside_the_dockerfile),
          T(a_directory_of_it), T(a_dockerfile_alone), T(hostile_entries), T(given_up))
