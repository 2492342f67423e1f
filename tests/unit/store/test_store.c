/* SPDX-License-Identifier: Apache-2.0 */
#include "make.h"
#include "os/temp.h"
#include "store/store.h"

TEST(makes_a_layout)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "a/b"), *again = NULL;
    char want[512];

    (void)snprintf(want, sizeof(want), "%s/a/b", dir.path);
    CHECK(strcmp(store_dir(s), want) == 0);
    CHECK_FILE(dir.fd, "a/b/oci-layout", S("{\"imageLayoutVersion\":\"1.0.0\"}"));
    CHECK_FILE(dir.fd, "a/b/index.json",
               S("{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"manifests\":[]}"));
    put(dir.fd, "a/b/index.json", "{\"manifests\":[]}");
    again = open_store(&dir, "a/b");
    CHECK_FILE(dir.fd, "a/b/index.json", S("{\"manifests\":[]}")); /* left alone */
}

TEST(puts_and_reads)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);
    cleanup_close int fd = -1;
    Digest d = put_blob(s, S("content")), none = {0};
    uint64_t size = 0;
    struct stat st;
    char path[256];
    Err err;

    CHECK(store_has(s, &d, &size) && size == 7);
    CHECK(!store_has(s, &none, NULL));
    buf_add(&got, S("before "));
    CHECK_OK(store_read_blob(s, &d, &got, &err));
    CHECK_STR(buf_str(&got), S("before content"));
    CHECK_OK(store_open_blob(s, &d, &fd, &size, &err));
    CHECK(size == 7);
    (void)snprintf(path, sizeof(path), "s/blobs/sha256/%s", digest_hex(&d).p);
    CHECK(fstatat(dir.fd, path, &st, 0) == 0 && (st.st_mode & 07777) == 0644);
    CHECK(count_names(dir.fd, "s/tmp") == 0);
}

TEST(not_there)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);
    Digest d = digest_of(S("other")), none = {0};
    int fd;
    Err err;

    CHECK(!store_has(s, &d, NULL));
    CHECK_ERR(store_open_blob(s, &d, &fd, NULL, &err), ERR_NOT_FOUND, d.text);
    CHECK_ERR(store_read_blob(s, &d, &got, &err), ERR_NOT_FOUND, dir.path);
    CHECK_ERR(store_read_blob(s, &none, &got, &err), ERR_NOT_FOUND, dir.path);
}

static void spoil(const Scratch *dir, const char *store, const Digest *d, const char *text)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/blobs/sha256/%s", store, digest_hex(d).p);
    put(dir->fd, path, text);
}

TEST(damaged_blob)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);
    Digest d = put_blob(s, S("content"));
    Err err;

    buf_add(&got, S("kept"));
    spoil(&dir, "s", &d, "Content");
    CHECK_ERR(store_read_blob(s, &d, &got, &err), ERR_DIGEST, "is damaged");
    CHECK_STR(buf_str(&got), S("kept"));
    (void)put_blob(s, S("content")); /* writing it again mends it */
    CHECK_OK(store_read_blob(s, &d, &got, &err));
}

TEST(bounded_read)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_buf Buf got = BUF_INIT(5);
    Digest d = put_blob(s, S("content"));
    Err err;

    CHECK_ERR(store_read_blob(s, &d, &got, &err), ERR_LIMIT, "larger than 5");
    CHECK(got.n == 0 && !got.full);
}

/* A layout from elsewhere: hashed at the first opening, and again only when the file has changed. */
TEST(foreign_blobs_are_verified)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *made = open_store(&dir, "s");
    cleanup_store Store *s = open_layout(&dir, "s");
    cleanup_close int fd = -1;
    Digest d = put_blob(made, S("content"));
    uint64_t size;
    Err err;

    CHECK_OK(store_open_blob(s, &d, &fd, &size, &err));
    close_at(&fd);
    CHECK_OK(store_open_blob(s, &d, &fd, &size, &err));
    close_at(&fd);
    spoil(&dir, "s", &d, "changed, and of another size");
    CHECK_ERR(store_open_blob(s, &d, &fd, &size, &err), ERR_DIGEST, "is damaged");
    CHECK(fd == -1);
}

TEST(odd_files_under_blob_names)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *made = open_store(&dir, "s");
    cleanup_store Store *s = open_layout(&dir, "s");
    Digest link = digest_of(S("link")), fifo = digest_of(S("fifo")), sub = digest_of(S("dir"));
    cleanup_close int blobs = openat(dir.fd, "s/blobs/sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd;
    Err err;

    put(dir.fd, "secret", "link");
    CHECK(symlinkat("../../../secret", blobs, digest_hex(&link).p) == 0);
    CHECK(mkfifoat(blobs, digest_hex(&fifo).p, 0600) == 0);
    CHECK(mkdirat(blobs, digest_hex(&sub).p, 0700) == 0);
    CHECK_ERR(store_open_blob(s, &link, &fd, NULL, &err), ERR_SYS, link.text);
    CHECK_ERR(store_open_blob(s, &fifo, &fd, NULL, &err), ERR_FORMAT, "no regular file");
    CHECK_ERR(store_open_blob(s, &sub, &fd, NULL, &err), ERR_FORMAT, "no regular file");
    CHECK(!store_has(s, &link, NULL) && !store_has(s, &fifo, NULL) && !store_has(s, &sub, NULL));
}

TEST(temp_dir_lives_in_the_store)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    Temp *t = NULL;
    Err err;

    CHECK_OK(store_temp_dir(s, &t, &err));
    CHECK(count_names(dir.fd, "s/tmp") == 1);
    temp_free(t);
    CHECK(count_names(dir.fd, "s/tmp") == 0);
}

/* Several that open and close one directory while others write take it away from under nobody. */
static void write_and_close(void *arg)
{
    for (int i = 0; i < 200; i++) {
        cleanup_store Store *s = open_store(arg, "s");
        char text[64];

        (void)snprintf(text, sizeof(text), "%d of %d", i, (int)getpid());
        (void)put_blob(s, str_from(text));
    }
}

TEST(closed_it_is_a_layout_and_nothing_else)
{
    cleanup_scratch Scratch dir = scratch_new();
    pid_t child[3];

    for (size_t i = 0; i < ARRAY_LEN(child); i++) {
        child[i] = fork();
        if (child[i] == 0) {
            write_and_close(&dir);
            _exit(0);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(child); i++) {
        int status;

        CHECK(waitpid(child[i], &status, 0) == child[i] && status == 0);
    }
    CHECK(count_names(dir.fd, "s") == 3); /* oci-layout, index.json, blobs */
    CHECK(count_names(dir.fd, "s/blobs/sha256") == 600);
}

TEST(other_versions)
{
    cleanup_scratch Scratch dir = scratch_new();
    Store *s = NULL;
    char path[512];
    Err err;

    (void)snprintf(path, sizeof(path), "%s/s", dir.path);
    CHECK(mkdirat(dir.fd, "s", 0755) == 0);
    put(dir.fd, "s/oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}");
    CHECK_ERR(store_open(path, &s, &err), ERR_UNSUPPORTED, "2.0.0");
    put(dir.fd, "s/oci-layout", "{}");
    CHECK_ERR(store_open(path, &s, &err), ERR_FORMAT, "no version");
    put(dir.fd, "s/oci-layout", "x");
    CHECK_ERR(store_open(path, &s, &err), ERR_FORMAT, path);
}

static void open_in_readonly(void *arg)
{
    const Scratch *dir = arg;
    char path[512];
    Store *s = NULL;
    Digest d;
    Err err;

    become_nobody();
    (void)snprintf(path, sizeof(path), "%s/new", dir->path);
    CHECK_ERR(store_open(path, &s, &err), ERR_SYS, path);
    CHECK(err.os_errno == EACCES && !strchr(err.msg, '\n'));

    /* a complete store can be used for reading */
    (void)snprintf(path, sizeof(path), "%s/old", dir->path);
    CHECK_OK(store_open(path, &s, &err));
    d = digest_of(S("content"));
    CHECK(store_has(s, &d, NULL));
    CHECK_ERR(store_put(s, S("more"), &d, &err), ERR_SYS, path);
    CHECK(err.os_errno == EACCES);
    store_free(s);
}

TEST(read_only_directory)
{
    cleanup_scratch Scratch dir = scratch_new();
    static const char *const closed[] = {"", "old", "old/blobs", "old/blobs/sha256"};

    {
        cleanup_store Store *s = open_store(&dir, "old");

        (void)put_blob(s, S("content"));
    }
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        CHECK(fchmodat(dir.fd, closed[i][0] ? closed[i] : ".", 0555, 0) == 0);
    in_child(open_in_readonly, &dir);
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        CHECK(fchmodat(dir.fd, closed[i][0] ? closed[i] : ".", 0755, 0) == 0);
}

static void put_on_full_disk(void *arg)
{
    const Scratch *dir = arg;
    cleanup_store Store *s = open_store(dir, "s");
    Digest d;
    Err err;

    if (!deny(SYS_write, ENOSPC))
        return;
    CHECK_ERR(store_put(s, S("content"), &d, &err), ERR_SYS, store_dir(s));
    CHECK(err.os_errno == ENOSPC && strstr(err.msg, "No space left on device"));
    CHECK(count_names(dir->fd, "s/tmp") == 0 && count_names(dir->fd, "s/blobs/sha256") == 0);
}

TEST(full_disk)
{
    cleanup_scratch Scratch dir = scratch_new();

    in_child(put_on_full_disk, &dir);
}

TEST_MAIN(T(makes_a_layout), T(puts_and_reads), T(not_there), T(damaged_blob), T(bounded_read),
          T(foreign_blobs_are_verified), T(odd_files_under_blob_names),
          T(temp_dir_lives_in_the_store), T(closed_it_is_a_layout_and_nothing_else),
          T(other_versions), T(read_only_directory), T(full_disk))
