/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of files from one build to the next, and what is not. */
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/buf.h"
#include "cache/digests.h"
#include "os/file.h"
#include "os/temp.h"
#include "test.h"

static const int64_t MINUTE_NS = (int64_t)60 * 1000 * 1000 * 1000;
static const char one[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static const char two[] = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
static const FileStamp stamp = {1, 2, 10 << 20, 4, 5};

static Temp *new_dir(void)
{
    Temp *t;
    Err err;

    CHECK_OK(temp_dir("/tmp", "digests", &t, &err));
    return t;
}

static void save(const Temp *dir)
{
    cleanup_with(digests_free_at) Digests *d = digests_open(temp_path(dir), 0);
    FileStamp small = stamp;
    Err err;

    small.ino++;
    small.size = 1;
    digests_add(d, &stamp, str_from(one));
    digests_add(d, &small, str_from(two));
    CHECK_STR(digests_find(d, &stamp), str_from(one));
    CHECK_OK(digests_save(d, &err));
}

static bool is_found(const Temp *dir, const FileStamp *s)
{
    cleanup_with(digests_free_at) Digests *d = digests_open(temp_path(dir), 0);

    return digests_find(d, s).n > 0;
}

TEST(are_found_by_the_next)
{
    cleanup_with(temp_free_at) Temp *dir = new_dir();
    FileStamp other[5] = {stamp, stamp, stamp, stamp, stamp};

    CHECK(!is_found(dir, &stamp));
    save(dir);
    CHECK(is_found(dir, &stamp));
    other[0].dev++;
    other[1].ino += 2;
    other[2].size++;
    other[3].mtime_ns++;
    other[4].ctime_ns--;
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        CHECK(!is_found(dir, &other[i]));
}

TEST(little_is_not_worth_a_file)
{
    cleanup_with(temp_free_at) Temp *dir = new_dir();
    cleanup_with(digests_free_at) Digests *d = digests_open(temp_path(dir), 0);
    FileStamp small = stamp;
    Err err;

    small.size = 100;
    digests_add(d, &small, str_from(one));
    CHECK_OK(digests_save(d, &err));
    CHECK(!is_found(dir, &small));
}

TEST(a_damaged_file_is_empty)
{
    cleanup_with(temp_free_at) Temp *dir = new_dir();
    cleanup_buf Buf path = BUF_INIT(BUF_SMALL), was = BUF_INIT((size_t)1 << 20);
    Err err;

    save(dir);
    buf_addf(&path, "%s/digests", temp_path(dir));
    CHECK_OK(file_read(AT_FDCWD, buf_z(&path), &was, &err));
    for (size_t i = 0; i < was.n; i += 5) {
        was.p[i] ^= 1;
        CHECK_OK(file_write(AT_FDCWD, buf_z(&path), 0600, buf_str(&was), &err));
        CHECK(!is_found(dir, &stamp));
        was.p[i] ^= 1;
        CHECK_OK(file_write(AT_FDCWD, buf_z(&path), 0600, str_head(buf_str(&was), i), &err));
        CHECK(!is_found(dir, &stamp));
    }
    CHECK_OK(file_write(AT_FDCWD, buf_z(&path), 0600, buf_str(&was), &err));
    CHECK(is_found(dir, &stamp));
}

/* --- file systems --- */

/* What every descriptor is on. */
static uint64_t fs_type, fs_id;

int fstatfs(int fildes, struct statfs *buf)
{
    (void)fildes;
    *buf = (struct statfs){.f_type = (__typeof__(buf->f_type))fs_type};
    memcpy(&buf->f_fsid, &fs_id, sizeof(fs_id));
    return 0;
}

static const uint64_t disks[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
                                 F2FS_SUPER_MAGIC};
static const uint64_t others[] = {TMPFS_MAGIC, NFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC,
                                  FUSE_SUPER_MAGIC};

TEST(only_what_has_settled_on_a_disk_is_kept)
{
    cleanup_with(temp_free_at) Temp *dir = new_dir();
    cleanup_with(digests_free_at) Digests *d = digests_open(temp_path(dir), 2 * MINUTE_NS);
    FileStamp old = {.ctime_ns = MINUTE_NS - 1}, young = {.ctime_ns = MINUTE_NS + 1};
    FileStamp made = {.ctime_ns = MINUTE_NS / 2};

    for (size_t i = 0; i < ARRAY_LEN(disks); i++) {
        old.dev = young.dev = made.dev = i;
        fs_type = disks[i];
        CHECK(digests_may_keep(d, &old, 0));
        CHECK(!digests_may_keep(d, &young, 0));
        CHECK(!digests_may_keep(d, &made, 0)); /* by a tool */
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        old.dev = ARRAY_LEN(disks) + i;
        fs_type = others[i];
        CHECK(!digests_may_keep(d, &old, 0));
    }
}

static Str find_on(const Temp *dir, uint64_t id, const char *hex)
{
    cleanup_with(digests_free_at) Digests *d = digests_open(temp_path(dir), 2 * MINUTE_NS);
    Str found;
    Err err;

    fs_type = EXT4_SUPER_MAGIC;
    fs_id = id;
    CHECK(digests_may_keep(d, &stamp, 0));
    found = digests_find(d, &stamp);
    if (found.n)
        return str_eq(found, str_from(one)) ? S("one") : S("two");
    digests_add(d, &stamp, str_from(hex));
    CHECK_OK(digests_save(d, &err));
    return S("");
}

/* Another one with the same device and inode numbers, and the same times. */
TEST(file_systems_are_told_apart)
{
    cleanup_with(temp_free_at) Temp *dir = new_dir();
    uint64_t first = UINT64_C(0x123456789abcdef0), second = first ^ UINT64_C(1) << 63;

    CHECK_STR(find_on(dir, first, one), S(""));
    CHECK_STR(find_on(dir, second, two), S(""));
    CHECK_STR(find_on(dir, first, two), S("one"));
    CHECK_STR(find_on(dir, second, one), S("two"));
}

static time_t time_of(const Temp *dir)
{
    cleanup_buf Buf path = BUF_INIT(BUF_SMALL);
    struct stat st;

    buf_addf(&path, "%s/" DIGESTS_NAME, temp_path(dir));
    CHECK(stat(buf_z(&path), &st) == 0);
    return st.st_mtim.tv_sec;
}

TEST(what_is_of_use_looks_so)
{
    static const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    cleanup_with(temp_free_at) Temp *dir = new_dir();
    cleanup_with(digests_free_at) Digests *d = NULL;
    cleanup_buf Buf path = BUF_INIT(BUF_SMALL);
    FileStamp unknown = {.ino = 99};
    Err err;

    save(dir);
    buf_addf(&path, "%s/" DIGESTS_NAME, temp_path(dir));
    CHECK(utimensat(AT_FDCWD, buf_z(&path), long_ago, 0) == 0);
    d = digests_open(temp_path(dir), 0);
    CHECK_STR(digests_find(d, &unknown), S(""));
    CHECK_OK(digests_save(d, &err));
    CHECK(time_of(dir) == 1000);
    CHECK_STR(digests_find(d, &stamp), str_from(one));
    CHECK_OK(digests_save(d, &err));
    CHECK(time_of(dir) > 1000);
}

TEST_MAIN(T(are_found_by_the_next), T(little_is_not_worth_a_file), T(a_damaged_file_is_empty),
          T(only_what_has_settled_on_a_disk_is_kept), T(file_systems_are_told_apart),
          T(what_is_of_use_looks_so))
