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

/* A Reader that makes it, in pieces of every size from 1 to 'most'. */
typedef struct Source {
    Reader r;
    uint64_t at, total;
    size_t most, next;
} Source;

static ssize_t source_read(Reader *self, void *buf, size_t n, Err *err)
{
    Source *s = (Source *)self;

    (void)err;
    s->next = s->next % s->most + 1;
    if (n > s->next)
        n = s->next;
    if (n > s->total - s->at)
        n = (size_t)(s->total - s->at);
    for (size_t i = 0; i < n; i++)
        ((unsigned char *)buf)[i] = byte_at(s->at++);
    return (ssize_t)n;
}

typedef struct Filling {
    Pipe *p;
    Source source;
    const Err *cause;
} Filling;

static Filling filling(Pipe *p, uint64_t total, size_t most, const Err *cause)
{
    return (Filling){p, {.r = {source_read}, .total = total, .most = most}, cause};
}

static int fill(void *arg, Err *err)
{
    Filling *f = arg;

    TRY(pipe_fill(f->p, &f->source.r, err));
    pipe_close_write(f->p, f->cause);
    return 0;
}

/* Read to the end or the error; returns 0, or what the Reader said. */
static int drain(Pipe *p, size_t most, uint64_t total, uint64_t *ret_n, Err *err)
{
    cleanup_free unsigned char *block = NEW_N(unsigned char, most);
    uint64_t at = 0;
    ssize_t k = 1;

    for (size_t want = 1; at < total && k > 0; want = want % most + 1) {
        k = reader_read(pipe_reader(p), block, want, err);
        for (ssize_t i = 0; i < k; i++)
            CHECK(block[i] == byte_at(at + (uint64_t)i));
        at += k > 0 ? (uint64_t)k : 0;
    }
    *ret_n = at;
    return k < 0 ? -1 : 0;
}

static void check_tap(void *ctx, const void *p, size_t n)
{
    uint64_t *seen = ctx;

    for (size_t i = 0; i < n; i++)
        CHECK(((const unsigned char *)p)[i] == byte_at((*seen)++));
}

static void pump(uint64_t total, size_t blocks, size_t fill_most, size_t read_most)
{
    uint64_t n = 0, tapped = 0;
    cleanup_with(pool_free_at) Pool *pool = pool_new(1);
    cleanup_with(pipe_free_at) Pipe *p = pipe_new(blocks, check_tap, &tapped);
    Filling f = filling(p, total, fill_most, NULL);
    Task *t = pool_submit(pool, fill, &f);
    Err err;

    CHECK_OK(drain(p, read_most, UINT64_MAX, &n, &err));
    CHECK(n == total);
    CHECK(tapped == total); /* at once, not when the other side has ended */
    CHECK_OK(task_join(t, &err));
}

TEST(every_byte_once_and_in_order)
{
    pump(0, 2, 1, 1);
    pump(20000, 2, 3, 1);
    pump(3 * IO_BLOCK + 17, 2, 700, 900);
    pump(20 * IO_BLOCK + 1, 3, 100000, 70000);
    pump(20 * IO_BLOCK, 8, IO_BLOCK, 3 * IO_BLOCK);
    pump(5 * IO_BLOCK, 4, IO_BLOCK, 1000);
}

TEST(works_without_a_tap)
{
    cleanup_with(pool_free_at) Pool *pool = pool_new(1);
    cleanup_with(pipe_free_at) Pipe *p = pipe_new(2, NULL, NULL);
    Filling f = filling(p, 9 * IO_BLOCK, IO_BLOCK, NULL);
    Task *t = pool_submit(pool, fill, &f);
    uint64_t n;
    Err err;

    CHECK_OK(drain(p, 5000, UINT64_MAX, &n, &err));
    CHECK(n == 9 * IO_BLOCK);
    CHECK_OK(task_join(t, &err));
}

TEST(what_is_there_can_be_read_at_once)
{
    cleanup_with(pipe_free_at) Pipe *p = pipe_new(2, NULL, NULL);
    MemReader in = mem_reader(S("abc"));
    char got[8];
    Err err;

    CHECK_OK(pipe_fill(p, &in.r, &err));
    CHECK(reader_read(pipe_reader(p), got, 2, &err) == 2 && memcmp(got, "ab", 2) == 0);
    CHECK(reader_read(pipe_reader(p), got, 8, &err) == 1 && got[0] == 'c');
    in = mem_reader(S("d"));
    CHECK_OK(pipe_fill(p, &in.r, &err));
    pipe_close_write(p, NULL);
    CHECK(reader_read(pipe_reader(p), got, 8, &err) == 1 && got[0] == 'd');
    CHECK(reader_read(pipe_reader(p), got, 8, &err) == 0);
    CHECK(reader_read(pipe_reader(p), got, 8, &err) == 0);
}

TEST(the_filling_sides_error_comes_after_the_data)
{
    cleanup_with(pool_free_at) Pool *pool = pool_new(1);
    cleanup_with(pipe_free_at) Pipe *p = pipe_new(2, NULL, NULL);
    Err cause, err;
    Filling f = filling(p, 3 * IO_BLOCK + 5, 5000, &cause);
    uint64_t n = 0;
    Task *t;

    (void)err_set(&cause, ERR_NET, "connection reset");
    t = pool_submit(pool, fill, &f);
    CHECK_ERR(drain(p, 4000, UINT64_MAX, &n, &err), ERR_NET, "connection reset");
    CHECK(n == 3 * IO_BLOCK + 5);
    CHECK_OK(task_join(t, &err));
    pipe_close_write(p, NULL); /* too late to take it back */
    CHECK_ERR(drain(p, 4000, UINT64_MAX, &n, &err), ERR_NET, "connection reset");
}

TEST(a_reader_that_leaves_stops_the_filling)
{
    cleanup_with(pool_free_at) Pool *pool = pool_new(1);
    cleanup_with(pipe_free_at) Pipe *p = pipe_new(2, NULL, NULL);
    Filling f = filling(p, 100 * IO_BLOCK, IO_BLOCK, NULL);
    Task *t = pool_submit(pool, fill, &f); /* soon asleep in a full pipe */
    MemReader more = mem_reader(S("x"));
    uint64_t n = 0;
    Err err;

    CHECK_OK(drain(p, 1000, 1000, &n, &err));
    CHECK(n >= 1000);
    pipe_close_read(p);
    CHECK_ERR(task_join(t, &err), ERR_CANCELLED, "nobody reads");
    CHECK_ERR(pipe_fill(p, &more.r, &err), ERR_CANCELLED, "nobody reads");
}

TEST_MAIN(T(every_byte_once_and_in_order), T(works_without_a_tap),
          T(what_is_there_can_be_read_at_once), T(the_filling_sides_error_comes_after_the_data),
          T(a_reader_that_leaves_stops_the_filling))
