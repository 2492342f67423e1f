/* SPDX-License-Identifier: Apache-2.0 */
#include "os/fd.h"
#include "os/pipe.h"
#include "os/pool.h"
#include "test.h"

/* A stream of bytes that shows any loss, repetition or exchange. */
static unsigned char byte_at(uint64_t i)
{
    return (unsigned char)(i * 2654435761u >> 13);
}

typedef struct Side {
    Pipe *p;
    uint64_t total; /* bytes to write, or at most to read */
    size_t most;    /* bytes at a time */
    const Err *cause;
} Side;

static int write_side(void *arg, Err *err)
{
    const Side *s = arg;
    cleanup_free unsigned char *block = NEW_N(unsigned char, s->most);
    size_t k = 1;

    for (uint64_t at = 0; at < s->total;) {
        k = k % s->most + 1; /* every size from 1 up */
        if (k > s->total - at)
            k = (size_t)(s->total - at);
        for (size_t i = 0; i < k; i++)
            block[i] = byte_at(at + i);
        TRY(writer_write(pipe_writer(s->p), block, k, err));
        at += k;
    }
    pipe_close_write(s->p, s->cause);
    return 0;
}

/* Read to the end or the error; returns 0, or what the Reader said. */
static int read_side(const Side *s, uint64_t *ret_n, Err *err)
{
    cleanup_free unsigned char *block = NEW_N(unsigned char, s->most);
    uint64_t at = 0;
    ssize_t k = 1;

    for (size_t want = 1; at < s->total && k > 0; want = want % s->most + 1) {
        k = reader_read(pipe_reader(s->p), block, want, err);
        for (ssize_t i = 0; i < k; i++)
            CHECK(block[i] == byte_at(at + (uint64_t)i));
        at += k > 0 ? (uint64_t)k : 0;
    }
    *ret_n = at;
    return k < 0 ? -1 : 0;
}

static void pump(uint64_t total, size_t capacity, size_t write_most, size_t read_most)
{
    cleanup_with(pool_free_at) Pool *pool = pool_new(1);
    cleanup_with(pipe_free_at) Pipe *p = pipe_new(capacity);
    Side w = {p, total, write_most, NULL}, r = {p, UINT64_MAX, read_most, NULL};
    Task *t = pool_submit(pool, write_side, &w);
    uint64_t n = 0;
    Err err;

    CHECK_OK(read_side(&r, &n, &err));
    CHECK(n == total);
    CHECK_OK(task_join(t, &err));
}

TEST(every_byte_once_and_in_order)
{
    pump(0, 1, 1, 1);
    pump(20000, 1, 3, 1);
    pump(3 * IO_BLOCK + 17, 1, 700, 900);
    pump(20 * IO_BLOCK + 1, 2 * IO_BLOCK, 100000, 70000);
    pump(5 * IO_BLOCK, IO_BLOCK, 3 * IO_BLOCK, 1000); /* writes larger than the pipe */
}

TEST(what_is_written_can_be_read_at_once)
{
    cleanup_with(pipe_free_at) Pipe *p = pipe_new(IO_BLOCK);
    char got[8];
    Err err;

    CHECK_OK(writer_write(pipe_writer(p), "abc", 3, &err));
    CHECK(reader_read(pipe_reader(p), got, 2, &err) == 2 && memcmp(got, "ab", 2) == 0);
    CHECK(reader_read(pipe_reader(p), got, 8, &err) == 1 && got[0] == 'c');
    pipe_close_write(p, NULL);
    CHECK(reader_read(pipe_reader(p), got, 8, &err) == 0);
    CHECK(reader_read(pipe_reader(p), got, 8, &err) == 0);
}

TEST(the_writers_error_comes_after_the_data)
{
    cleanup_with(pool_free_at) Pool *pool = pool_new(1);
    cleanup_with(pipe_free_at) Pipe *p = pipe_new(1);
    Err cause, err;
    Side w = {p, 3 * IO_BLOCK + 5, 5000, &cause}, r = {p, UINT64_MAX, 4000, NULL};
    uint64_t n = 0;
    Task *t;

    (void)err_set(&cause, ERR_NET, "connection reset");
    t = pool_submit(pool, write_side, &w);
    CHECK_ERR(read_side(&r, &n, &err), ERR_NET, "connection reset");
    CHECK(n == 3 * IO_BLOCK + 5);
    CHECK_OK(task_join(t, &err));
    pipe_close_write(p, NULL); /* too late to take it back */
    CHECK_ERR(read_side(&r, &n, &err), ERR_NET, "connection reset");
}

TEST(a_reader_that_leaves_stops_the_writer)
{
    cleanup_with(pool_free_at) Pool *pool = pool_new(1);
    cleanup_with(pipe_free_at) Pipe *p = pipe_new(1);
    Side w = {p, 100 * IO_BLOCK, IO_BLOCK, NULL}, r = {p, 1000, 1000, NULL};
    Task *t = pool_submit(pool, write_side, &w); /* soon asleep in a full pipe */
    uint64_t n = 0;
    Err err;

    CHECK_OK(read_side(&r, &n, &err));
    CHECK(n >= 1000);
    pipe_close_read(p);
    CHECK_ERR(task_join(t, &err), ERR_CANCELLED, "nobody reads");
    CHECK_ERR(writer_write(pipe_writer(p), "x", 1, &err), ERR_CANCELLED, "nobody reads");
}

TEST_MAIN(T(every_byte_once_and_in_order), T(what_is_written_can_be_read_at_once),
          T(the_writers_error_comes_after_the_data), T(a_reader_that_leaves_stops_the_writer))
