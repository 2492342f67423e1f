/* SPDX-License-Identifier: Apache-2.0 */
#include "make.h"
#include "os/pool.h"

static BlobWriter *begin(Store *s, Str text)
{
    BlobWriter *b = NULL;
    Err err;

    CHECK_OK(blob_writer_new(s, &b, &err));
    CHECK_OK(writer_write(blob_writer(b), text.p, text.n, &err));
    return b;
}
#define cleanup_blob cleanup_with(blob_writer_free_at)

TEST(appears_when_committed)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_blob BlobWriter *b = begin(s, S("hello "));
    Digest want = digest_of(S("hello world")), got;
    uint64_t size;
    char back[11];
    Err err;

    CHECK_OK(writer_write(blob_writer(b), "world", 5, &err));
    CHECK(blob_writer_size(b) == 11);
    CHECK(pread(blob_writer_fd(b), back, 11, 0) == 11 && memcmp(back, "hello world", 11) == 0);
    CHECK(!store_has(s, &want, NULL));
    CHECK_OK(blob_writer_commit(b, &want, 11, &got, &size, &err));
    CHECK(digest_eq(&got, &want) && size == 11);
    CHECK(store_has(s, &want, NULL));
    CHECK(count_names(dir.fd, "s/tmp") == 0);
}

TEST(dropped_leaves_nothing)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");

    {
        cleanup_blob BlobWriter *b = begin(s, S("hello"));

        CHECK(count_names(dir.fd, "s/tmp") == 1);
    }
    CHECK(count_names(dir.fd, "s/tmp") == 0);
    CHECK(count_names(dir.fd, "s/blobs/sha256") == 0);
}

TEST(wrong_content_is_refused)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    Digest want = digest_of(S("hello")), is = digest_of(S("Hello"));
    Err err;

    {
        cleanup_blob BlobWriter *b = begin(s, S("Hello"));

        CHECK_ERR(blob_writer_commit(b, &want, 5, NULL, NULL, &err), ERR_DIGEST, is.text);
    }
    {
        cleanup_blob BlobWriter *b = begin(s, S("hello"));

        CHECK_ERR(blob_writer_commit(b, &want, 6, NULL, NULL, &err), ERR_DIGEST, "5 bytes, want 6");
    }
    CHECK(!store_has(s, &want, NULL) && !store_has(s, &is, NULL));
    CHECK(count_names(dir.fd, "s/tmp") == 0);
}

TEST(restarts)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_blob BlobWriter *b = begin(s, S("a longer first attempt"));
    Digest want = digest_of(S("second"));
    Err err;

    CHECK_OK(blob_writer_restart(b, &err));
    CHECK(blob_writer_size(b) == 0);
    CHECK_OK(writer_write(blob_writer(b), "second", 6, &err));
    CHECK_OK(blob_writer_commit(b, &want, 6, NULL, NULL, &err));
}

TEST(empty_and_large)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    const size_t n = 1000003; /* several blocks and a bit */
    cleanup_free char *text = NEW_N(char, n);
    cleanup_buf Buf back = BUF_INIT(n);
    Digest empty = put_blob(s, S("")), large;
    Err err;

    for (size_t i = 0; i < n; i++)
        text[i] = (char)(i * 31 >> 3);
    large = put_blob(s, (Str){text, n});
    CHECK(store_has(s, &empty, NULL));
    CHECK_OK(store_read_blob(s, &large, &back, &err));
    CHECK_STR(buf_str(&back), ((Str){text, n}));
}

TEST(read_only_store)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *made = open_store(&dir, "s");
    cleanup_store Store *s = open_layout(&dir, "s");
    BlobWriter *b = NULL;
    struct Temp *t = NULL;
    Err err;

    CHECK_ERR(blob_writer_new(s, &b, &err), ERR_USAGE, "reading only");
    CHECK_ERR(store_temp_dir(s, &t, &err), ERR_USAGE, "reading only");
}

enum {
    THREADS = 8,
    BLOBS = 40
};

static Str text_of(Arena *a, size_t i)
{
    return str_fmt_in(a, "the blob number %zu, which everybody writes", i);
}

/* Everybody writes and reads the same blobs, each in an order of its own. */
typedef struct Job {
    Store *store;
    size_t first;
} Job;

static int write_all(void *arg, Err *err)
{
    const Job *job = arg;

    for (size_t i = 0; i < BLOBS; i++) {
        cleanup_arena Arena a = ARENA_INIT;
        cleanup_buf Buf back = BUF_INIT(BUF_SMALL);
        Str text = text_of(&a, (job->first + i * 7) % BLOBS);
        Digest d;

        TRY(store_put(job->store, text, &d, err));
        TRY(store_read_blob(job->store, &d, &back, err));
        if (!str_eq(buf_str(&back), text))
            return err_set(err, ERR_DIGEST, "another text came back");
    }
    return 0;
}

static void run_threads(Store *s)
{
    cleanup_with(pool_free_at) Pool *pool = pool_new(THREADS);
    Task *tasks[THREADS];
    Job jobs[THREADS];
    Err err;

    for (size_t i = 0; i < THREADS; i++) {
        jobs[i] = (Job){s, i};
        tasks[i] = pool_submit(pool, write_all, &jobs[i]);
    }
    for (size_t i = 0; i < THREADS; i++)
        CHECK_OK(task_join(tasks[i], &err));
}

static void check_all(const Scratch *dir, Store *s)
{
    for (size_t i = 0; i < BLOBS; i++) {
        cleanup_arena Arena a = ARENA_INIT;
        Digest d = digest_of(text_of(&a, i));
        cleanup_buf Buf back = BUF_INIT(BUF_SMALL);
        Err err;

        CHECK_OK(store_read_blob(s, &d, &back, &err));
    }
    CHECK(count_names(dir->fd, "s/blobs/sha256") == BLOBS);
    CHECK(count_names(dir->fd, "s/tmp") == 0);
}

TEST(many_threads)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");

    run_threads(s);
    check_all(&dir, s);
}

static int read_all(void *arg, Err *err)
{
    Store *s = arg;

    for (size_t i = 0; i < BLOBS; i++) {
        cleanup_arena Arena a = ARENA_INIT;
        cleanup_close int fd = -1;
        Digest d = digest_of(text_of(&a, i));

        TRY(store_open_blob(s, &d, &fd, NULL, err));
    }
    return 0;
}

/* The memory of what was verified is shared by all threads. */
TEST(many_threads_verify)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *made = open_store(&dir, "s");
    cleanup_store Store *s = open_layout(&dir, "s");
    cleanup_with(pool_free_at) Pool *pool = pool_new(THREADS);
    Task *tasks[THREADS];
    Err err;

    for (size_t i = 0; i < BLOBS; i++) {
        cleanup_arena Arena a = ARENA_INIT;

        (void)put_blob(made, text_of(&a, i));
    }
    for (size_t i = 0; i < THREADS; i++)
        tasks[i] = pool_submit(pool, read_all, s);
    for (size_t i = 0; i < THREADS; i++)
        CHECK_OK(task_join(tasks[i], &err));
}

static void child_writes(const Scratch *dir, size_t first)
{
    cleanup_store Store *s = open_store(dir, "s");
    Job job = {s, first};
    Err err;

    CHECK_OK(write_all(&job, &err));
}

TEST(many_processes)
{
    cleanup_scratch Scratch dir = scratch_new();
    pid_t pids[4];

    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        pids[i] = fork();
        CHECK(pids[i] >= 0);
        if (pids[i] == 0) {
            child_writes(&dir, i);
            _exit(0);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        int status;

        CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
    }
    cleanup_store Store *s = open_store(&dir, "s");
    check_all(&dir, s);
}

TEST_MAIN(T(many_processes), T(appears_when_committed), T(dropped_leaves_nothing),
          T(wrong_content_is_refused), T(restarts), T(empty_and_large), T(read_only_store),
          T(many_threads), T(many_threads_verify))
