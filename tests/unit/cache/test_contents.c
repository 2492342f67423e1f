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
    Contents *c;
} Fixture;

static void put(const Fixture *f, const char *name, Str text)
{
    cleanup_close int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    Err err;

    CHECK(fd >= 0);
    CHECK_OK(fd_write_all(fd, text.p, text.n, &err));
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
    f->c = contents_new(f->pool);
}

static void end(Fixture *f)
{
    contents_free(f->c);
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

TEST_MAIN(T(all_are_hashed), T(what_is_known_is_not_opened), T(a_change_is_seen),
          T(a_file_that_became_shorter), T(a_file_that_is_gone))
