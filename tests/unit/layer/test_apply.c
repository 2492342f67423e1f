/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers made entry by entry, applied to a tree and to a disk below a directory that has a neighbour: whatever a layer says,
 * the neighbour must stay as it is.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "layer/apply.h"
#include "os/file.h"
#include "os/temp.h"
#include "tar/writer.h"
#include "test.h"

typedef struct Fixture {
    Temp *dir;
    int outside, root;
    Tree *tree;
    StrVec foreign;
    uint16_t layer;
    Buf tar;
    BufWriter out;
    TarWriter *w;
} Fixture;

static void begin(Fixture *f)
{
    f->tar = (Buf)BUF_INIT((size_t)64 << 20);
    f->out = buf_writer(&f->tar);
    f->w = tar_writer_new(&f->out.w);
    f->layer++;
}

static void setup(Fixture *f)
{
    Err err;

    *f = (Fixture){.tree = tree_new()};
    CHECK_OK(temp_dir("/tmp", "kiln-apply", &f->dir, &err));
    f->outside = open(temp_path(f->dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(mkdirat(f->outside, "root", 0755) == 0 && mkdirat(f->outside, "neighbour", 0755) == 0);
    CHECK_OK(file_write_atomic(f->outside, "neighbour/file", 0644, S("untouched"), &err));
    f->root = openat(f->outside, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    begin(f);
}

static void teardown(Fixture *f)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    struct stat st;
    Err err;

    CHECK_OK(file_read(f->outside, "neighbour/file", &text, &err));
    CHECK_STR(buf_str(&text), S("untouched"));
    CHECK(fstatat(f->outside, "neighbour/file", &st, 0) == 0 && st.st_nlink == 1);
    tar_writer_free(f->w);
    buf_done(&f->tar);
    tree_free(f->tree);
    vec_done(&f->foreign);
    close(f->root);
    close(f->outside);
    temp_free(f->dir);
}

static void entry(Fixture *f, TarType type, const char *name, const char *link_or_text)
{
    TarEntry e = {.type = type,
                  .name = str_from(name),
                  .mode = type == TAR_DIR ? 0755 : 0644,
                  .uid = geteuid(),
                  .gid = getegid(),
                  .mtime_ns = 1600000000123456789};
    Str text = str_from(link_or_text ? link_or_text : "");
    Err err;

    if (type == TAR_FILE)
        e.size = text.n;
    else
        e.link = text;
    CHECK_OK(tar_writer_entry(f->w, &e, &err));
    if (type == TAR_FILE)
        CHECK_OK(tar_writer_data(f->w, text.p, text.n, &err));
}

static int apply_buf(Fixture *f, Err *err)
{
    DiskOpts d = {.root_fd = f->root, .foreign = &f->foreign, .may_chown = true};
    cleanup_with(disk_free_at) Disk *disk = disk_new(f->tree, &d);
    ApplyOpts o = {.tree = f->tree, .disk = disk, .layer = f->layer};
    MemReader in = mem_reader(buf_str(&f->tar));

    TRY(layer_apply(&in.r, &o, err));
    return disk_finish(disk, err);
}

static int apply(Fixture *f, Err *err)
{
    int rc;

    CHECK(tar_writer_finish(f->w, err) == 0);
    rc = apply_buf(f, err);
    tar_writer_free(f->w);
    buf_done(&f->tar);
    begin(f);
    return rc;
}

static bool in_tree(Fixture *f, const char *path)
{
    Node *n;
    Err err;

    CHECK_OK(tree_at(f->tree, str_from(path), &n, &err));
    return n != NULL;
}

static bool on_disk(Fixture *f, const char *path)
{
    struct stat st;

    return fstatat(f->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void check_text(Fixture *f, const char *path, const char *want)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Err err;

    CHECK_OK(file_read(f->root, path, &text, &err));
    CHECK_STR(buf_str(&text), str_from(want));
}

static void base(Fixture *f)
{
    Err err;

    entry(f, TAR_DIR, "d", NULL);
    entry(f, TAR_FILE, "d/one", "1");
    entry(f, TAR_FILE, "d/two", "2");
    entry(f, TAR_DIR, "d/sub", NULL);
    entry(f, TAR_FILE, "d/sub/three", "3");
    CHECK_OK(apply(f, &err));
}

TEST(plain_whiteouts)
{
    Fixture f;
    Err err;

    setup(&f);
    base(&f);
    entry(&f, TAR_FILE, "d/.wh.one", "");
    entry(&f, TAR_FILE, "d/.wh.sub", "");
    entry(&f, TAR_FILE, "d/.wh.never-was", "");
    entry(&f, TAR_FILE, "nowhere/.wh.x", "");
    CHECK_OK(apply(&f, &err));
    CHECK(!in_tree(&f, "d/one") && !on_disk(&f, "d/one") && !in_tree(&f, "d/sub") &&
          !on_disk(&f, "d/sub"));
    CHECK(in_tree(&f, "d/two") && on_disk(&f, "d/two"));
    teardown(&f);
}

/* The marker hides what lower layers have, wherever it stands among the entries of its own layer. */
TEST(opaque_whiteouts)
{
    for (int after = 0; after < 2; after++) {
        Fixture f;
        Err err;

        setup(&f);
        base(&f);
        entry(&f, TAR_DIR, "d", NULL);
        if (!after)
            entry(&f, TAR_FILE, "d/.wh..wh..opq", "");
        entry(&f, TAR_DIR, "d/sub", NULL);
        entry(&f, TAR_FILE, "d/sub/new", "n");
        if (after)
            entry(&f, TAR_FILE, "d/.wh..wh..opq", "");
        CHECK_OK(apply(&f, &err));
        CHECK(!in_tree(&f, "d/one") && !on_disk(&f, "d/two") && !in_tree(&f, "d/sub/three") &&
              !on_disk(&f, "d/sub/three"));
        check_text(&f, "d/sub/new", "n");
        teardown(&f);
    }
}

TEST(types_replace_one_another)
{
    Fixture f;
    Err err;

    setup(&f);
    base(&f);
    entry(&f, TAR_FILE, "d/sub", "a file now");
    entry(&f, TAR_DIR, "d/one", NULL);
    entry(&f, TAR_SYMLINK, "d/two", "one");
    CHECK_OK(apply(&f, &err));
    check_text(&f, "d/sub", "a file now");
    CHECK(!in_tree(&f, "d/sub/three"));
    entry(&f, TAR_FILE, "d/two/inside", "through a link of a lower layer");
    CHECK_OK(apply(&f, &err));
    check_text(&f, "d/one/inside", "through a link of a lower layer");
    teardown(&f);
}

TEST(keeps_times_and_modes)
{
    Fixture f;
    struct stat st;

    setup(&f);
    base(&f);
    for (size_t i = 0; i < 3; i++) {
        static const char *const paths[] = {"d", "d/sub", "d/one"};

        CHECK(fstatat(f.root, paths[i], &st, 0) == 0);
        CHECK(st.st_mtim.tv_sec == 1600000000 && st.st_mtim.tv_nsec == 123456789);
    }
    teardown(&f);
}

TEST(hard_links_share)
{
    Fixture f;
    struct stat st;
    Err err;

    setup(&f);
    base(&f);
    entry(&f, TAR_HARDLINK, "h", "d/one");
    entry(&f, TAR_HARDLINK, "h2", "/d/../d/one");
    CHECK_OK(apply(&f, &err));
    CHECK(fstatat(f.root, "h", &st, 0) == 0 && st.st_nlink == 3);
    check_text(&f, "h2", "1");
    teardown(&f);
}

TEST(names_that_climb_are_refused)
{
    static const char *const names[] = {"../evil", "d/../../evil", "/../evil", "..", "d/../.."};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        Fixture f;
        Err err;

        setup(&f);
        entry(&f, TAR_FILE, names[i], "x");
        CHECK_ERR(apply(&f, &err), ERR_FORMAT, "leads out of the image's root");
        teardown(&f);
    }
}

TEST(links_never_lead_outside)
{
    Fixture f;
    Err err;

    setup(&f);
    entry(&f, TAR_SYMLINK, "out", "../neighbour");
    entry(&f, TAR_SYMLINK, "abs", "/tmp");
    entry(&f, TAR_SYMLINK, "up", "../../../..");
    entry(&f, TAR_FILE, "out/file", "inside the root");
    entry(&f, TAR_FILE, "abs/kiln-apply-test", "inside");
    entry(&f, TAR_FILE, "up/top", "inside");
    entry(&f, TAR_FILE, "/absolute/name", "inside");
    CHECK_OK(apply(&f, &err));
    check_text(&f, "neighbour/file", "inside the root");
    check_text(&f, "tmp/kiln-apply-test", "inside");
    check_text(&f, "top", "inside");
    check_text(&f, "absolute/name", "inside");
    CHECK(access("/tmp/kiln-apply-test", F_OK) < 0);
    teardown(&f);
}

TEST(hard_links_to_outside_are_refused)
{
    static const char *const targets[] = {"../neighbour/file", "out/file", "nothing"};

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        Fixture f;
        Err err;

        setup(&f);
        entry(&f, TAR_SYMLINK, "out", "../neighbour");
        entry(&f, TAR_HARDLINK, "h", targets[i]);
        CHECK_ERR(apply(&f, &err), ERR_FORMAT, "hard link");
        teardown(&f);
    }
}

/* "d" becomes a link to what is in it. */
TEST(a_hard_link_in_place_of_its_target)
{
    Fixture f;
    Err err;

    setup(&f);
    base(&f);
    entry(&f, TAR_HARDLINK, "d", "d/one");
    CHECK_ERR(apply(&f, &err), ERR_FORMAT, "whose place it takes");
    teardown(&f);
}

TEST(a_file_in_the_way_of_a_directory)
{
    Fixture f;
    Err err;

    setup(&f);
    entry(&f, TAR_FILE, "a", "file");
    entry(&f, TAR_FILE, "a/b", "x");
    CHECK_ERR(apply(&f, &err), ERR_FORMAT, "is not a directory");
    teardown(&f);
}

TEST(zeros_become_holes)
{
    Fixture f;
    cleanup_free char *zeros = NEW_N(char, 1 << 20);
    TarEntry e = {.type = TAR_FILE,
                  .name = S("big"),
                  .mode = 0644,
                  .uid = geteuid(),
                  .gid = getegid(),
                  .size = 16 << 20};
    struct stat st;
    Err err;

    setup(&f);
    CHECK_OK(tar_writer_entry(f.w, &e, &err));
    for (int i = 0; i < 16; i++) {
        zeros[0] = i == 7 ? 'x' : 0;
        CHECK_OK(tar_writer_data(f.w, zeros, 1 << 20, &err));
    }
    CHECK_OK(apply(&f, &err));
    CHECK(fstatat(f.root, "big", &st, 0) == 0 && st.st_size == 16 << 20);
    CHECK(st.st_blocks * 512 < 2 << 20);
    teardown(&f);
}

TEST(a_truncated_archive)
{
    Fixture f;
    Err err;

    setup(&f);
    entry(&f, TAR_FILE, "whole", "x");
    entry(&f, TAR_FILE, "cut", "0123456789");
    CHECK_OK(tar_writer_finish(f.w, &err));
    buf_truncate(&f.tar, f.tar.n - 1024 - 512 +
                             5); /* the end blocks and all but 5 bytes of the last file's block */
    CHECK_ERR(apply_buf(&f, &err), ERR_FORMAT, "cut");
    teardown(&f);
}

/* The builder's own directory lies in one that the image has, removes, and replaces. */
TEST(what_is_not_the_images_stays)
{
    Fixture f;
    Err err;

    setup(&f);
    vec_push(&f.foreign, S("root/.cache/kiln"));
    CHECK_OK(dir_make_all(f.root, "root/.cache/kiln", 0755, &err));
    CHECK_OK(file_write_atomic(f.root, "root/.cache/kiln/blob", 0644, S("mine"), &err));
    entry(&f, TAR_FILE, "root/.cache/pip/x", "1");
    entry(&f, TAR_FILE, "root/.cache/y", "2");
    entry(&f, TAR_FILE, "root/.cache/kiln/blob", "the image's own");
    CHECK_OK(apply(&f, &err));
    check_text(&f, "root/.cache/pip/x", "1");
    entry(&f, TAR_FILE, "root/.wh..cache", "");
    CHECK_OK(apply(&f, &err));
    CHECK(!in_tree(&f, "root/.cache") && !on_disk(&f, "root/.cache/pip") &&
          !on_disk(&f, "root/.cache/y"));
    check_text(&f, "root/.cache/kiln/blob", "mine");
    entry(&f, TAR_SYMLINK, "root/.cache", "../neighbour");
    CHECK_OK(apply(&f, &err));
    entry(&f, TAR_FILE, "root/.cache", "a file");
    entry(&f, TAR_HARDLINK, "root/other", "root/.cache");
    CHECK_OK(apply(&f, &err));
    CHECK(in_tree(&f, "root/other") && !on_disk(&f, "root/other"));
    check_text(&f, "root/.cache/kiln/blob", "mine");
    entry(&f, TAR_FILE, "root", "a file");
    CHECK_OK(apply(&f, &err));
    check_text(&f, "root/.cache/kiln/blob", "mine");
    teardown(&f);
}

/* Times of directories that a later layer only puts something into, or takes something out of. */
TEST(times_of_directories_survive)
{
    static const char *const paths[] = {"d", "d/sub", "e"};
    Fixture f;
    struct stat st;
    Err err;

    setup(&f);
    entry(&f, TAR_DIR, "e", NULL);
    base(&f);
    entry(&f, TAR_FILE, "d/new", "n");
    entry(&f, TAR_HARDLINK, "e/link", "d/one");
    entry(&f, TAR_FILE, "d/sub/.wh.three", "");
    CHECK_OK(apply(&f, &err));
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        CHECK(fstatat(f.root, paths[i], &st, 0) == 0);
        CHECK(st.st_mtim.tv_sec == 1600000000 && st.st_mtim.tv_nsec == 123456789);
    }
    teardown(&f);
}

static void entry_with_xattr(Fixture *f, const char *name, const char *xattr)
{
    Xattr x = {str_from(xattr), S("v")};
    cleanup_with(xattrs_free_at) Xattrs *all = xattrs_new(&x, 1);
    TarEntry e = {.type = TAR_DIR,
                  .name = str_from(name),
                  .mode = 0755,
                  .uid = geteuid(),
                  .gid = getegid(),
                  .xattrs = all};
    Err err;

    CHECK_OK(tar_writer_entry(f->w, &e, &err));
}

/* A directory that is said again has the attributes of the last time, and no others. */
TEST(attributes_of_directories_are_replaced)
{
    cleanup_with(xattrs_free_at) Xattrs *got = NULL;
    Fixture f;
    Err err;

    setup(&f);
    entry_with_xattr(&f, "d", "user.old");
    CHECK_OK(apply(&f, &err));
    CHECK_OK(xattrs_read_at(f.root, "d", &got, &err));
    if (!got) {
        printf("skip attributes_of_directories_are_replaced: no user xattrs in /tmp\n");
        teardown(&f);
        return;
    }
    xattrs_free(steal_ptr(&got));
    entry_with_xattr(&f, "d", "user.new");
    CHECK_OK(apply(&f, &err));
    CHECK_OK(xattrs_read_at(f.root, "d", &got, &err));
    CHECK(got && got->n == 1 && str_eq(got->v[0].name, S("user.new")));
    xattrs_free(steal_ptr(&got));
    entry(&f, TAR_DIR, "d", NULL);
    CHECK_OK(apply(&f, &err));
    CHECK_OK(xattrs_read_at(f.root, "d", &got, &err));
    CHECK(!got);
    teardown(&f);
}

/* A million names in one directory: time and memory grow with the number of names, no more. Only the tree: a disk would be slow. */
TEST(a_very_full_directory)
{
    Tree *t = tree_new();
    Buf tar = BUF_INIT((size_t)1 << 30);
    BufWriter out = buf_writer(&tar);
    TarWriter *w = tar_writer_new(&out.w);
    ApplyOpts o = {.tree = t, .layer = 1};
    MemReader in;
    char name[32];
    Err err;

    for (int i = 0; i < 300000; i++) {
        TarEntry e = {.type = TAR_FILE, .mode = 0644};

        (void)snprintf(name, sizeof(name), "d/%d", i);
        e.name = str_from(name);
        CHECK_OK(tar_writer_entry(w, &e, &err));
    }
    CHECK_OK(tar_writer_finish(w, &err));
    in = mem_reader(buf_str(&tar));
    CHECK_OK(layer_apply(&in.r, &o, &err));
    CHECK(tree_count(t) == 300002);
    tar_writer_free(w);
    buf_done(&tar);
    tree_free(t);
}

TEST_MAIN(T(plain_whiteouts), T(opaque_whiteouts), T(types_replace_one_another),
          T(keeps_times_and_modes), T(hard_links_share), T(names_that_climb_are_refused),
          T(links_never_lead_outside), T(hard_links_to_outside_are_refused),
          T(a_hard_link_in_place_of_its_target), T(a_file_in_the_way_of_a_directory),
          T(zeros_become_holes), T(a_truncated_archive), T(what_is_not_the_images_stays),
          T(times_of_directories_survive), T(attributes_of_directories_are_replaced),
          T(a_very_full_directory))
