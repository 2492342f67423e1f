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

static bool is_on_disk(int fd)
{
    struct statfs st;

    CHECK(fstatfs(fd, &st) == 0);
    return st.f_type == EXT4_SUPER_MAGIC || st.f_type == XFS_SUPER_MAGIC ||
           st.f_type == BTRFS_SUPER_MAGIC || st.f_type == F2FS_SUPER_MAGIC;
}

TEST(only_what_has_settled_on_a_disk_is_kept)
{
    cleanup_with(temp_free_at) Temp *dir = new_dir();
    cleanup_close int fd = open(temp_path(dir), O_RDONLY | O_CLOEXEC),
                      shm = open("/dev/shm", O_RDONLY | O_CLOEXEC);
    cleanup_with(digests_free_at) Digests *d = digests_open(temp_path(dir), 2 * MINUTE_NS);
    FileStamp old = {.dev = 1, .ctime_ns = MINUTE_NS - 1},
              young = {.dev = 1, .ctime_ns = MINUTE_NS};
    FileStamp volatile_file = {.dev = 2, .ctime_ns = 1};

    CHECK(digests_may_keep(d, &old, fd) == is_on_disk(fd));
    CHECK(!digests_may_keep(d, &young, fd));
    if (shm >= 0)
        CHECK(digests_may_keep(d, &volatile_file, shm) == is_on_disk(shm));
}

TEST_MAIN(T(are_found_by_the_next), T(little_is_not_worth_a_file), T(a_damaged_file_is_empty),
          T(only_what_has_settled_on_a_disk_is_kept))
