/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "test.h"
#include "tree/tree.h"

static Node *add(Tree *t, const char *path, uint32_t mode, const char *target)
{
    Err err;
    Node *dir, *n;
    Str p = str_from(path), parent = path_dir(p);
    Inode *i = tree_inode_new(t, mode);

    CHECK_OK(tree_at(t, parent, &dir, &err));
    CHECK(dir);
    if (target)
        inode_set_target(t, i, str_from(target));
    CHECK_OK(tree_add(t, dir, path_base(p), i, &n, &err));
    return n;
}

static void check_canonical(Tree *t, const char *path, bool follow, const char *want)
{
    cleanup_arena Arena a = ARENA_INIT;
    Err err;
    Str got;

    CHECK_OK(tree_canonical(t, &a, str_from(path), follow, &got, &err));
    CHECK_STR(got, str_from(want));
}

static Tree *sample(void)
{
    Tree *t = tree_new();

    add(t, "usr", S_IFDIR | 0755, NULL);
    add(t, "usr/lib", S_IFDIR | 0755, NULL);
    add(t, "usr/lib/f", S_IFREG | 0644, NULL);
    add(t, "lib", S_IFLNK | 0777, "usr/lib");
    add(t, "abs", S_IFLNK | 0777, "/usr/../usr/lib/");
    add(t, "up", S_IFLNK | 0777, "../../../usr");
    add(t, "dangling", S_IFLNK | 0777, "/nowhere/x");
    add(t, "loop", S_IFLNK | 0777, "loop");
    return t;
}

TEST(resolves_like_the_kernel)
{
    cleanup_with(tree_free_at) Tree *t = sample();

    check_canonical(t, "/lib/f", true, "usr/lib/f");
    check_canonical(t, "abs/f", true, "usr/lib/f");
    check_canonical(t, "up/lib/../lib/f", true, "usr/lib/f");
    check_canonical(t, "../../usr", true, "usr");
    check_canonical(t, "lib", true, "usr/lib");
    check_canonical(t, "lib", false, "lib");
    check_canonical(t, "lib/", false, "lib");
    check_canonical(t, "dangling", true, "nowhere/x");
    check_canonical(t, "dangling/y/../z", true, "nowhere/x/z");
    check_canonical(t, "new/dir/file", true, "new/dir/file");
    check_canonical(t, "new/../usr", true, "usr");
    check_canonical(t, "", true, "");
    check_canonical(t, "/", true, "");
}

TEST(refuses_loops_and_files_on_the_way)
{
    cleanup_with(tree_free_at) Tree *t = sample();
    cleanup_arena Arena a = ARENA_INIT;
    Err err;
    Str got;

    CHECK_ERR(tree_canonical(t, &a, S("loop/x"), true, &got, &err), ERR_SYS, "symbolic links");
    CHECK_ERR(tree_canonical(t, &a, S("usr/lib/f/x"), true, &got, &err), ERR_SYS,
              "Not a directory");
}

TEST(removes_whole_subtrees)
{
    cleanup_with(tree_free_at) Tree *t = sample();
    size_t before = tree_count(t);
    Node *usr;
    Err err;

    CHECK_OK(tree_at(t, S("usr"), &usr, &err));
    tree_remove(t, usr);
    CHECK(tree_count(t) == before - 3);
    CHECK(usr->flags & NODE_REMOVED);
    CHECK_OK(tree_at(t, S("usr/lib"), &usr, &err));
    CHECK(!usr);
    CHECK_OK(tree_lookup(t, S("lib"), true, &usr, &err));
    CHECK(!usr);
}

TEST(holds_many_names_and_finds_each)
{
    cleanup_with(tree_free_at) Tree *t = tree_new();
    cleanup_arena Arena a = ARENA_INIT;
    Node *n, *prev = NULL;
    NodeVec list = {0};
    Err err;

    for (unsigned i = 0; i < 200000; i++)
        CHECK_OK(tree_add(t, tree_root(t), str_fmt_in(&a, "n%u", i * 7919u),
                          tree_inode_new(t, S_IFREG), &n, &err));
    for (unsigned i = 0; i < 200000; i += 1001)
        CHECK(tree_child(t, tree_root(t), str_fmt_in(&a, "n%u", i * 7919u)));
    CHECK_OK(tree_list(t, tree_root(t), &list, &err));
    CHECK(list.n == 200000);
    vec_foreach(at, &list) {
        CHECK(!prev || str_cmp(node_name(prev), node_name(*at)) < 0);
        prev = *at;
    }
    vec_done(&list);
}

TEST(clones_keep_link_groups)
{
    cleanup_with(tree_free_at) Tree *t = sample(), *copy = NULL;
    Node *f, *l, *cf, *cl;
    Err err;

    CHECK_OK(tree_at(t, S("usr/lib/f"), &f, &err));
    CHECK_OK(tree_add(t, tree_root(t), S("hard"), f->inode, &l, &err));
    copy = tree_clone(t);
    CHECK(tree_count(copy) == tree_count(t));
    CHECK_OK(tree_at(copy, S("usr/lib/f"), &cf, &err));
    CHECK_OK(tree_at(copy, S("hard"), &cl, &err));
    CHECK(cf && cl && cf->inode == cl->inode && cf->inode != f->inode && cf->inode->nlink == 2);
}

TEST(writes_paths_without_the_root)
{
    cleanup_with(tree_free_at) Tree *t = sample();
    cleanup_arena Arena a = ARENA_INIT;
    Node *n;
    Err err;

    CHECK_OK(tree_at(t, S("usr/lib/f"), &n, &err));
    CHECK_STR(node_path(n, &a), S("usr/lib/f"));
    CHECK_STR(node_path(tree_root(t), &a), S(""));
}

/* Enough of "long/long/..." that the whole is longer than any path may be. */
TEST(paths_have_an_end)
{
    cleanup_with(tree_free_at) Tree *t = tree_new();
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf path = BUF_INIT(BUF_SMALL), small = BUF_INIT(7);
    Node *n;
    Str got;
    Err err;

    while (path.n <= LIMIT_PATH)
        buf_add_z(&path, "long/");
    CHECK_ERR(tree_canonical(t, &a, buf_str(&path), true, &got, &err), ERR_LIMIT, "a path in the");
    buf_add_z(&path, "/../../../../../../../../");
    CHECK_OK(tree_canonical(t, &a, buf_str(&path), true, &got, &err));
    n = add(t, "dir", S_IFDIR | 0755, NULL);
    n = add(t, "dir/file", S_IFREG | 0644, NULL);
    node_path_to(n, &small);
    CHECK(small.full && small.n == 0);
}

TEST(names_are_names)
{
    static const Str bad[] = {STR_LIT(""), STR_LIT("."), STR_LIT(".."), STR_LIT("a/b"),
                              STR_LIT("a\0b")};
    cleanup_with(tree_free_at) Tree *t = tree_new();
    Inode *i = tree_inode_new(t, S_IFREG | 0644);
    char long_name[LIMIT_NAME + 1];
    Node *n;
    Err err;

    for (size_t k = 0; k < ARRAY_LEN(bad); k++)
        CHECK_ERR(tree_add(t, tree_root(t), bad[k], i, &n, &err), ERR_FORMAT, "not the name");
    memset(long_name, 'x', sizeof(long_name));
    CHECK_ERR(tree_add(t, tree_root(t), (Str){long_name, sizeof(long_name)}, i, &n, &err),
              ERR_LIMIT, "the most is 255");
    CHECK_OK(tree_add(t, tree_root(t), (Str){long_name, LIMIT_NAME}, i, &n, &err));
    CHECK_OK(tree_add(t, tree_root(t), S("..."), i, &n, &err));
    CHECK_OK(tree_add(t, tree_root(t), S(" \n"), i, &n, &err));
    CHECK(i->nlink == 3 && tree_count(t) == 4);
}

TEST(clones_have_it_all)
{
    cleanup_with(tree_free_at) Tree *t = sample(), *copy = NULL;
    const Xattr x = {S("user.k"), S("v")};
    Inode *root = tree_root(t)->inode;
    Node *n;
    Err err;

    root->mode = S_IFDIR | 01777;
    root->uid = 5;
    inode_set_xattrs(t, root, xattrs_new(&x, 1));
    tree_root(t)->layer = 3;
    copy = tree_clone(t);
    root = tree_root(copy)->inode;
    CHECK(root->mode == (S_IFDIR | 01777) && root->uid == 5 && root->nlink == 1);
    CHECK(tree_root(copy)->layer == 3);
    CHECK_STR(xattrs_find(root->xattrs, S("user.k")), S("v"));
    CHECK_OK(tree_at(copy, S("usr/lib/f"), &n, &err));
    CHECK(n && S_ISREG(n->inode->mode));
    CHECK_OK(tree_at(copy, S("dangling"), &n, &err));
    CHECK_STR(str_from(n->inode->target), S("/nowhere/x"));
}

TEST_MAIN(T(resolves_like_the_kernel), T(refuses_loops_and_files_on_the_way),
          T(removes_whole_subtrees), T(holds_many_names_and_finds_each), T(clones_keep_link_groups),
          T(writes_paths_without_the_root), T(paths_have_an_end), T(names_are_names),
          T(clones_have_it_all))
