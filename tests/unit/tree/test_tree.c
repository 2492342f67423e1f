/* SPDX-License-Identifier: Apache-2.0 */
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

TEST_MAIN(T(resolves_like_the_kernel), T(refuses_loops_and_files_on_the_way),
          T(removes_whole_subtrees), T(holds_many_names_and_finds_each), T(clones_keep_link_groups),
          T(writes_paths_without_the_root))
