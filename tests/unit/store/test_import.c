/* SPDX-License-Identifier: Apache-2.0 */
#include "make.h"

static ino_t inode(const Scratch *dir, const char *store, const Digest *d)
{
    char path[256];
    struct stat st;

    (void)snprintf(path, sizeof(path), "%s/blobs/sha256/%s", store, digest_hex(d).p);
    CHECK(fstatat(dir->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0);
    return st.st_ino;
}

TEST(links_between_own_stores)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *from = open_store(&dir, "from"), *to = open_store(&dir, "to");
    Digest d = put_blob(from, S("content"));
    Err err;

    CHECK_OK(store_import(to, from, &d, &err));
    CHECK(inode(&dir, "from", &d) == inode(&dir, "to", &d));
    CHECK_OK(store_import(to, from, &d, &err)); /* there already */
}

TEST(copies_from_foreign_layouts)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *made = open_store(&dir, "from"), *to = open_store(&dir, "to");
    cleanup_store Store *from = open_layout(&dir, "from");
    cleanup_buf Buf back = BUF_INIT(BUF_SMALL);
    Digest d = put_blob(made, S("content"));
    Err err;

    CHECK_OK(store_import(to, from, &d, &err));
    CHECK(inode(&dir, "from", &d) != inode(&dir, "to", &d));
    CHECK_OK(store_read_blob(to, &d, &back, &err));
}

TEST(damaged_is_refused)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *made = open_store(&dir, "from"), *to = open_store(&dir, "to");
    cleanup_store Store *from = open_layout(&dir, "from");
    Digest d = put_blob(made, S("content"));
    char path[256];
    Err err;

    (void)snprintf(path, sizeof(path), "from/blobs/sha256/%s", digest_hex(&d).p);
    put(dir.fd, path, "Content");
    CHECK_ERR(store_import(to, from, &d, &err), ERR_DIGEST, "/from");
    CHECK(!store_has(to, &d, NULL));
    CHECK(count_names(dir.fd, "to/tmp") == 0);
}

TEST(mends)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *from = open_store(&dir, "from"), *to = open_store(&dir, "to");
    Digest d = put_blob(from, S("content"));
    cleanup_buf Buf back = BUF_INIT(BUF_SMALL);
    char path[256];
    Err err;

    (void)snprintf(path, sizeof(path), "to/blobs/sha256/%s", digest_hex(&d).p);
    put(dir.fd, path, "Content");
    CHECK_OK(store_mend(to, from, &d, 7, false, &err)); /* its size is right */
    CHECK_ERR(store_read_blob(to, &d, &back, &err), ERR_DIGEST, "damaged");
    CHECK_OK(store_mend(to, from, &d, 7, true, &err));
    CHECK_OK(store_read_blob(to, &d, &back, &err));
    put(dir.fd, path, "cont");
    CHECK_OK(store_mend(to, from, &d, 7, false, &err));
    CHECK_OK(store_read_blob(to, &d, &back, &err));
    CHECK_STR(buf_str(&back), S("contentcontent"));
    CHECK(count_names(dir.fd, "to/tmp") == 0);
}

TEST(absent_or_unwritable)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *a = open_store(&dir, "a"), *b = open_store(&dir, "b");
    cleanup_store Store *foreign = open_layout(&dir, "a");
    Digest none = digest_of(S("none")), d = put_blob(b, S("content"));
    Err err;

    CHECK_ERR(store_import(a, b, &none, &err), ERR_NOT_FOUND, "/b");
    CHECK_ERR(store_import(foreign, b, &d, &err), ERR_USAGE, "reading only");
}

static void import_without_links(void *arg)
{
    const Scratch *dir = arg;
    cleanup_store Store *from = open_store(dir, "from"), *to = open_store(dir, "to");
    Digest d = put_blob(from, S("content"));
    Err err;

    if (!deny(SYS_linkat, EPERM))
        return;
    CHECK_OK(store_import(to, from, &d, &err));
    CHECK(inode(dir, "from", &d) != inode(dir, "to", &d));
}

TEST(copies_where_links_are_forbidden)
{
    cleanup_scratch Scratch dir = scratch_new();

    in_child(import_without_links, &dir);
}

TEST_MAIN(T(links_between_own_stores), T(copies_from_foreign_layouts), T(damaged_is_refused),
          T(mends), T(mends), T(absent_or_unwritable), T(copies_where_links_are_forbidden))
