/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many files hashed side by side; files that change.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "cache/contents.h"
#include "oci/digest.h"
#include "os/fd.h"
#include "os/temp.h"
#include "test.h"

enum {
    FILES = 100
};

typedef struct Fixture {
    Temp *dir;
    int fd;
    Tree *tree;
    NodeVec nodes;
    RootFiles files;
    Pool *pool;
    Digests *earlier;
    Contents *c;
} Fixture;

static void put(const Fixture *f, const char *name, Str text)
{
    cleanup_close int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    Err err;

    CHECK(fd >= 0);
    CHECK_OK(fd_write_all(fd, text.p, text.n, &err));
}

static int64_t time_ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static Str text_of(Arena *a, unsigned i)
{
    return str_fmt_in(a, "content %u", i);
}

static void begin(Fixture *f)
{
    cleanup_arena Arena a = ARENA_INIT;
    Err err;

    *f = (Fixture){.tree = tree_new(), .pool = pool_new(2)};
    CHECK_OK(temp_dir("/tmp", "contents", &f->dir, &err));
    f->fd = open(temp_path(f->dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; i < FILES; i++) {
        Str name = str_fmt_in(&a, "f%u", i), text = text_of(&a, i);
        Inode *inode = tree_inode_new(f->tree, S_IFREG | 0644);
        Node *n;

        put(f, name.p, text);
        inode->size = text.n;
        CHECK_OK(tree_add(f->tree, tree_root(f->tree), name, inode, &n, &err));
        vec_push(&f->nodes, n);
    }
    f->files = root_files(f->fd);
    f->earlier =
        digests_open(temp_path(f->dir), INT64_MAX / 2); /* all that is there was so long ago */
    f->c = contents_new(f->pool, f->earlier);
}

static void end(Fixture *f)
{
    contents_free(f->c);
    digests_free(f->earlier);
    pool_free(f->pool);
    vec_done(&f->nodes);
    tree_free(f->tree);
    close_at(&f->fd);
    temp_free(f->dir);
}

TEST(all_are_hashed)
{
    cleanup_with(end) Fixture f;
    cleanup_arena Arena a = ARENA_INIT;
    const Node *which;
    Err err;

    begin(&f);
    CHECK_OK(contents_hash(f.c, &f.files.s, &f.nodes, &err));
    for (unsigned i = 0; i < FILES; i++) {
        Digest want = digest_of(text_of(&a, i));

        CHECK_STR(contents_digest(f.c, f.nodes.v[i]), digest_hex(&want));
    }
    CHECK(contents_changed(f.c, &f.files.s, &f.nodes, &which, &err) == 0);
}

TEST(what_is_known_is_not_opened)
{
    static const char hex[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    cleanup_with(end) Fixture f;
    Err err;

    begin(&f);
    contents_know(f.c, f.nodes.v[5], str_from(hex));
    CHECK(unlinkat(f.fd, f.nodes.v[5]->name, 0) == 0);
    CHECK_OK(contents_hash(f.c, &f.files.s, &f.nodes, &err));
    CHECK_STR(contents_digest(f.c, f.nodes.v[5]), str_from(hex));
}

TEST(what_an_earlier_build_knew_is_not_hashed)
{
    static const char hex[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    cleanup_with(end) Fixture f;
    struct stat st;
    FileStamp s;
    Digest want;
    Err err;

    begin(&f);
    CHECK(fstatat(f.fd, "f5", &st, 0) == 0);
    s = (FileStamp){st.st_dev, st.st_ino, (uint64_t)st.st_size, time_ns(st.st_mtim),
                    time_ns(st.st_ctim)};
    if (!digests_may_keep(f.earlier, &s, f.fd))
        return; /* /tmp is of a kind of which nothing is kept */
    digests_add(f.earlier, &s, str_from(hex));
    CHECK_OK(contents_hash(f.c, &f.files.s, &f.nodes, &err));
    CHECK_STR(contents_digest(f.c, f.nodes.v[5]), str_from(hex));
    want = digest_of(S("content 6"));
    CHECK_STR(contents_digest(f.c, f.nodes.v[6]), digest_hex(&want));
    CHECK(fstatat(f.fd, "f6", &st, 0) == 0);
    s = (FileStamp){st.st_dev, st.st_ino, (uint64_t)st.st_size, time_ns(st.st_mtim),
                    time_ns(st.st_ctim)};
    CHECK_STR(digests_find(f.earlier, &s), digest_hex(&want));

    /* the same size, and the old time put back */
    contents_free(f.c);
    f.c = contents_new(f.pool, f.earlier);
    put(&f, "f6", S("CONTENT 6"));
    CHECK(utimensat(f.fd, "f6", (struct timespec[]){st.st_atim, st.st_mtim}, 0) == 0);
    CHECK_OK(contents_hash(f.c, &f.files.s, &f.nodes, &err));
    want = digest_of(S("CONTENT 6"));
    CHECK_STR(contents_digest(f.c, f.nodes.v[6]), digest_hex(&want));
}

TEST(a_change_is_seen)
{
    cleanup_with(end) Fixture f;
    const Node *which;
    Err err;

    begin(&f);
    CHECK_OK(contents_hash(f.c, &f.files.s, &f.nodes, &err));
    put(&f, "f7", S("Content 7")); /* as long as before */
    CHECK(contents_changed(f.c, &f.files.s, &f.nodes, &which, &err) == 1);
    CHECK_STR(node_name(which), S("f7"));
}

TEST(a_file_that_became_shorter)
{
    cleanup_with(end) Fixture f;
    Err err;

    begin(&f);
    put(&f, "f3", S("x"));
    CHECK_ERR(contents_hash(f.c, &f.files.s, &f.nodes, &err), ERR_FORMAT, "f3 changes while");
}

TEST(a_file_that_is_gone)
{
    cleanup_with(end) Fixture f;
    Err err;

    begin(&f);
    CHECK(unlinkat(f.fd, "f5", 0) == 0);
    CHECK_ERR(contents_hash(f.c, &f.files.s, &f.nodes, &err), ERR_SYS, "f5");
}

TEST_MAIN(T(all_are_hashed), T(what_is_known_is_not_opened),
          T(what_an_earlier_build_knew_is_not_hashed), T(a_change_is_seen),
          T(a_file_that_became_shorter), T(a_file_that_is_gone))
