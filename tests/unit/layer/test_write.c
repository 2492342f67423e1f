/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk -> tree -> layer -> tree and disk: what is written is read back, and the same tree gives the same bytes however many threads compress it.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "codec/decompress.h"
#include "layer/apply.h"
#include "layer/write.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/temp.h"
#include "test.h"
#include "tree/scan.h"

typedef struct Fixture {
    Temp *dir;
    int top, from, to;
    Store *store;
} Fixture;

static void setup(Fixture *f)
{
    cleanup_buf Buf path = BUF_INIT(BUF_SMALL);
    Err err;

    *f = (Fixture){0};
    CHECK_OK(temp_dir("/tmp", "kiln-write", &f->dir, &err));
    f->top = open(temp_path(f->dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(mkdirat(f->top, "from", 0755) == 0 && mkdirat(f->top, "to", 0755) == 0);
    f->from = openat(f->top, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->to = openat(f->top, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    buf_addf(&path, "%s/store", temp_path(f->dir));
    CHECK_OK(store_open(buf_z(&path), &f->store, &err));
}

static void teardown(Fixture *f)
{
    store_free(f->store);
    close(f->from);
    close(f->to);
    close(f->top);
    temp_free(f->dir);
}

static void put(int dirfd, const char *path, size_t n, unsigned seed)
{
    int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    cleanup_free char *data = NEW_N(char, n + 1);
    Err err;

    CHECK(fd >= 0);
    for (size_t i = 0; i < n; i++)
        data[i] = (char)(seed = seed * 1103515245 + 12345) & 0x3f;
    CHECK_OK(fd_write_all(fd, data, n, &err));
    close(fd);
}

/* Everything below 'fd' as one layer. */
static LayerBlob pack(Fixture *f, int fd, Tree *t, const LayerCodec *codec, unsigned threads,
                      LayerStats *stats)
{
    cleanup_with(pool_free_at) Pool *pool = pool_new(threads);
    RootFiles files = root_files(fd);
    ScanOpts so = {.root_fd = fd, .pool = pool};
    LayerWriteOpts o = {.layer = 1, .files = &files.s, .keep_holes = true};
    cleanup_with(compressor_free_at) Compressor *c = NULL;
    LayerBlob blob;
    Err err;

    CHECK_OK(scan_changes(t, &so, &err));
    CHECK_OK(compressor_new(f->store, pool, codec, &c, &err));
    CHECK_OK(layer_write(t, &o, c, stats, &err));
    CHECK_OK(compressor_finish(c, &blob, &err));
    return blob;
}

static Tree *unpack(Fixture *f, const LayerBlob *blob)
{
    cleanup_with(decoder_free_at) Decoder *d = NULL;
    cleanup_close int fd = -1;
    Tree *t = tree_new();
    DiskOpts dopts = {.root_fd = f->to, .may_chown = true};
    cleanup_with(disk_free_at) Disk *disk = disk_new(t, &dopts);
    ApplyOpts o = {.tree = t, .disk = disk, .layer = 1};
    FdReader in;
    uint64_t size;
    Err err;

    CHECK_OK(store_open_blob(f->store, &blob->desc.digest, &fd, &size, &err));
    CHECK(size == blob->desc.size);
    in = fd_reader(fd);
    CHECK_OK(decoder_new_sniff(&in.r, &d, NULL, &err));
    CHECK_OK(layer_apply(decoder_reader(d), &o, &err));
    CHECK_OK(disk_finish(disk, &err));
    return t;
}

static void make_files(int fd)
{
    put(fd, "plain", 100000, 1);
    put(fd, "empty", 0, 1);
    CHECK(mkdirat(fd, "dir", 0755) == 0 && mkdirat(fd, "dir/deep", 0700) == 0);
    put(fd, "dir/deep/file", 3000000, 2);
    put(fd, "dir/\xff not utf-8 \n", 10, 3);
    CHECK(linkat(fd, "plain", fd, "dir/linked", 0) == 0);
    CHECK(symlinkat("../anywhere", fd, "dir/symlink") == 0);
    CHECK(mkfifoat(fd, "fifo", 0640) == 0);
    CHECK(fchmodat(fd, "plain", 04755, 0) == 0 && fchmodat(fd, "dir", 02770, 0) == 0);
    if (geteuid() == 0) {
        CHECK(mknodat(fd, "device", S_IFCHR | 0600, makedev(1, 3)) == 0);
        CHECK(fchownat(fd, "dir/deep/file", 3000000, 4000000, 0) == 0);
        CHECK(fchownat(fd, "dir/symlink", 5, 6, AT_SYMLINK_NOFOLLOW) == 0);
    }
    CHECK(
        utimensat(fd, "dir/deep",
                  (struct timespec[2]){{.tv_sec = 1}, {.tv_sec = 987654321, .tv_nsec = 123456789}},
                  0) == 0);
    CHECK(utimensat(fd, "dir/symlink",
                    (struct timespec[2]){{.tv_sec = 1}, {.tv_sec = 7, .tv_nsec = 8}},
                    AT_SYMLINK_NOFOLLOW) == 0);
}

static void check_same(int from, int to, const char *path)
{
    struct stat a, b;

    CHECK(fstatat(from, path, &a, AT_SYMLINK_NOFOLLOW) == 0);
    if (fstatat(to, path, &b, AT_SYMLINK_NOFOLLOW) < 0) {
        fprintf(stderr, "%s is missing\n", path);
        abort();
    }
    CHECK(a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid &&
          a.st_rdev == b.st_rdev);
    CHECK(a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec);
    if (!S_ISDIR(a.st_mode))
        CHECK(a.st_size == b.st_size && a.st_nlink == b.st_nlink);
    if (S_ISREG(a.st_mode)) {
        cleanup_buf Buf x = BUF_INIT((size_t)64 << 20), y = BUF_INIT((size_t)64 << 20);
        Err err;

        CHECK_OK(file_read(from, path, &x, &err));
        CHECK_OK(file_read(to, path, &y, &err));
        CHECK(str_eq(buf_str(&x), buf_str(&y)));
    }
}

static void round_trip(const LayerCodec *codec)
{
    static const char *const paths[] = {"plain",      "empty",         "dir",
                                        "dir/deep",   "dir/deep/file", "dir/\xff not utf-8 \n",
                                        "dir/linked", "dir/symlink",   "fifo"};
    Fixture f;
    Tree *t = tree_new(), *back;
    LayerStats stats;
    LayerBlob blob;

    setup(&f);
    make_files(f.from);
    blob = pack(&f, f.from, t, codec, 2, &stats);
    CHECK(stats.files == ARRAY_LEN(paths) + (geteuid() == 0) && stats.deletions == 0);
    back = unpack(&f, &blob);
    CHECK(tree_count(back) == tree_count(t));
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        check_same(f.from, f.to, paths[i]);
    if (geteuid() == 0)
        check_same(f.from, f.to, "device");
    tree_free(t);
    tree_free(back);
    teardown(&f);
}

TEST(gzip_round_trip)
{
    round_trip(&(LayerCodec){.kind = COMPRESSION_GZIP, .gzip = GZIP_FAST, .level = 1});
}

TEST(portable_gzip_round_trip)
{
    round_trip(&(LayerCodec){.kind = COMPRESSION_GZIP, .gzip = GZIP_PORTABLE, .level = 6});
}

TEST(zstd_round_trip)
{
    round_trip(&(LayerCodec){.kind = COMPRESSION_ZSTD, .level = 3});
}

TEST(uncompressed_round_trip)
{
    round_trip(&(LayerCodec){.kind = COMPRESSION_NONE});
}

TEST(threads_do_not_show)
{
    static const LayerCodec codec = {.kind = COMPRESSION_GZIP, .gzip = GZIP_FAST, .level = 1};
    Digest first = {0};
    Fixture f;

    setup(&f);
    make_files(f.from);
    for (unsigned threads = 1; threads <= 7; threads += 2) {
        Tree *t = tree_new();
        LayerStats stats;
        LayerBlob b = pack(&f, f.from, t, &codec, threads, &stats);

        if (!digest_is_set(&first))
            first = b.desc.digest;
        CHECK(digest_eq(&first, &b.desc.digest));
        tree_free(t);
    }
    teardown(&f);
}

TEST(holes_stay_holes)
{
    static const LayerCodec codec = {.kind = COMPRESSION_NONE};
    Fixture f;
    Tree *t = tree_new(), *back;
    LayerStats stats;
    LayerBlob blob;
    struct stat st;
    Err err;
    int fd;

    setup(&f);
    fd = openat(f.from, "lastlog", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    CHECK(ftruncate(fd, (off_t)1 << 34) == 0);
    CHECK_OK(fd_pwrite_all(fd, "entry", 5, (uint64_t)1 << 33, &err));
    close(fd);
    blob = pack(&f, f.from, t, &codec, 2, &stats);
    CHECK(blob.desc.size < 1 << 20); /* 16 GiB of them, not even compressed */
    back = unpack(&f, &blob);
    CHECK(fstatat(f.to, "lastlog", &st, 0) == 0 && st.st_size == (off_t)1 << 34 &&
          st.st_blocks < 2048);
    tree_free(t);
    tree_free(back);
    teardown(&f);
}

static void unlink_all(int fd, const char *dir, unsigned n)
{
    char name[64];

    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(name, sizeof(name), "%s/%u", dir, i);
        CHECK(unlinkat(fd, name, 0) == 0);
    }
}

/* Second layer of a tree: list its entries' names. */
static void check_second_layer(Fixture *f, Tree *t, const char *want)
{
    static const LayerCodec codec = {.kind = COMPRESSION_NONE};
    cleanup_buf Buf names = BUF_INIT(BUF_SMALL);
    LayerStats stats;
    LayerBlob b = pack(f, f->from, t, &codec, 1, &stats);
    cleanup_close int fd = -1;
    uint64_t size;
    TarReader *r;
    FdReader in;
    TarEntry e;
    Err err;

    CHECK_OK(store_open_blob(f->store, &b.desc.digest, &fd, &size, &err));
    in = fd_reader(fd);
    r = tar_reader_new(&in.r);
    while (tar_reader_next(r, &e, &err) > 0)
        buf_addf(&names, STR_FMT " ", STR_ARG(e.name));
    tar_reader_free(r);
    CHECK_STR(str_trim(buf_str(&names)), str_from(want));
}

TEST(deletions_and_parents)
{
    static const LayerCodec codec = {.kind = COMPRESSION_NONE};
    Fixture f;
    Tree *t = tree_new();
    LayerStats stats;
    char name[64];

    setup(&f);
    CHECK(mkdirat(f.from, "many", 0755) == 0 && mkdirat(f.from, "few", 0755) == 0 &&
          mkdirat(f.from, "few/x", 0755) == 0);
    for (unsigned i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof(name), "many/%u", i);
        put(f.from, name, 1, i);
    }
    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(name, sizeof(name), "few/x/%u", i);
        put(f.from, name, 1, i);
    }
    (void)pack(&f, f.from, t, &codec, 1, &stats);
    scan_settle(t);
    unlink_all(f.from, "many", 10);
    unlink_all(f.from, "few/x", 2);
    put(f.from, "many/new", 1, 1);
    put(f.from, "few/x/.b", 1, 1);
    check_second_layer(
        &f, t, "few few/x few/x/.b few/x/.wh.0 few/x/.wh.1 many many/.wh..wh..opq many/new");
    /* Nothing is dirty any more: the next layer is empty. */
    check_second_layer(&f, t, "");
    tree_free(t);
    teardown(&f);
}

/* COPY: the bytes come from elsewhere, and go into the layer and onto a disk. */
static int copy_layer(Fixture *f, Tree *t, const StrVec *foreign, Digest *ret, Err *err)
{
    static const LayerCodec codec = {.kind = COMPRESSION_NONE};
    cleanup_with(pool_free_at) Pool *pool = pool_new(1);
    cleanup_with(compressor_free_at) Compressor *c = NULL;
    DiskOpts d = {.root_fd = f->to, .foreign = foreign, .may_chown = true};
    cleanup_with(disk_free_at) Disk *disk = disk_new(t, &d);
    RootFiles files = root_files(f->from);
    LayerWriteOpts o = {.layer = 1, .files = &files.s, .disk = disk};
    LayerStats stats;
    LayerBlob blob;

    TRY(compressor_new(f->store, pool, &codec, &c, err));
    TRY(layer_write(t, &o, c, &stats, err));
    TRY(disk_finish(disk, err));
    TRY(compressor_finish(c, &blob, err));
    *ret = blob.desc.digest;
    return 0;
}

static Node *add(Tree *t, const char *path, uint32_t mode, uint64_t size)
{
    Str p = str_from(path);
    Inode *i = tree_inode_new(t, mode);
    Node *dir, *n;
    Err err;

    i->size = size;
    i->uid = geteuid();
    i->gid = getegid();
    CHECK_OK(tree_at(t, path_dir(p), &dir, &err));
    CHECK_OK(tree_add(t, dir, path_base(p), i, &n, &err));
    n->flags |= NODE_NEW;
    tree_mark_dirty(n);
    return n;
}

/* A mount of the container covers "data": the layer gets everything, the disk what is not below it. */
TEST(copies_below_a_mount)
{
    cleanup_with(tree_free_at) Tree *t = tree_new();
    StrVec foreign = {0};
    struct stat st;
    Digest digest;
    Fixture f;
    Err err;

    setup(&f);
    vec_push(&foreign, S("data"));
    for (int i = 0; i < 2; i++) {
        static const char *const dirs[] = {"data", "other"};
        char path[32];
        Node *n;

        CHECK(mkdirat(f.from, dirs[i], 0755) == 0);
        (void)snprintf(path, sizeof(path), "%s/file", dirs[i]);
        put(f.from, path, 300000, 1);
        (void)add(t, dirs[i], S_IFDIR | 0755, 0);
        n = add(t, path, S_IFREG | 0644, 300000);
        (void)snprintf(path, sizeof(path), "%s/link", dirs[i]);
        CHECK_OK(tree_add(t, n->parent, S("link"), n->inode, &n, &err));
        tree_mark_dirty(n);
        (void)snprintf(path, sizeof(path), "%s/sub", dirs[i]);
        (void)add(t, path, S_IFDIR | 0755, 0);
    }
    CHECK_OK(copy_layer(&f, t, &foreign, &digest, &err));
    CHECK(fstatat(f.to, "other/file", &st, 0) == 0 && st.st_size == 300000 && st.st_nlink == 2);
    CHECK(fstatat(f.to, "other/sub", &st, 0) == 0);
    CHECK(fstatat(f.to, "data", &st, 0) < 0);
    CHECK(store_has(f.store, &digest, &(uint64_t){0}));
    vec_done(&foreign);
    teardown(&f);
}

TEST(sources_that_change)
{
    cleanup_with(tree_free_at) Tree *t = tree_new();
    Digest digest;
    Fixture f;
    Err err;

    setup(&f);
    put(f.from, "file", 1000, 1);
    (void)add(t, "file", S_IFREG | 0644, 1001);
    CHECK_ERR(copy_layer(&f, t, NULL, &digest, &err), ERR_SYS, "/file: it became shorter");
    teardown(&f);
}

TEST(names_that_mean_deletions)
{
    cleanup_with(tree_free_at) Tree *t = tree_new();
    Digest digest;
    Fixture f;
    Err err;

    setup(&f);
    (void)add(t, "d", S_IFDIR | 0755, 0);
    (void)add(t, "d/.wh.x", S_IFDIR | 0755, 0);
    CHECK_ERR(copy_layer(&f, t, NULL, &digest, &err), ERR_UNSUPPORTED, "/d/.wh.x: an image cannot");
    teardown(&f);
}

TEST_MAIN(T(gzip_round_trip), T(portable_gzip_round_trip), T(zstd_round_trip),
          T(uncompressed_round_trip), T(threads_do_not_show), T(holes_stay_holes),
          T(deletions_and_parents), T(copies_below_a_mount), T(sources_that_change),
          T(names_that_mean_deletions))
