/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of bytes for one writer and one reader:
 *
 *          tail            head                 both only grow; the place in the ring is the
 *     ......[ to be read ]..[ free ......       count modulo the capacity
 *
 * Each side owns one count and copies in and out of the ring without a lock. The lock is for
 * sleeping only: a side that finds nothing to do says so in its 'waiting' flag, looks once more,
 * and sleeps; the other side looks at the flag after it has moved its count. Sequentially
 * consistent order of these four steps is what makes a lost wake-up impossible. A sleeping writer
 * is woken when half of the ring is free and not before, so that a full pipe does not change
 * threads for every block.
 */
#include "os/pipe.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#include "os/fd.h"

struct Pipe {
    Reader r;
    Writer w;
    char *ring;
    size_t cap;
    atomic_uint_fast64_t head; /* bytes ever written */
    atomic_uint_fast64_t tail; /* bytes ever read */
    atomic_bool write_closed;  /* after this head is final and 'failed' and 'cause' are set */
    atomic_bool read_closed;
    atomic_bool reader_waiting, writer_waiting;
    bool failed;
    Err cause;
    pthread_mutex_t lock;
    pthread_cond_t readable, writable;
};

static void must(int r)
{
    if (r != 0)
        abort(); /* a mutex of our own in a state that the code does not allow */
}

/* Wake the side whose flag this is; nothing to do when it is not asleep. */
static void wake(Pipe *p, atomic_bool *waiting, pthread_cond_t *cond)
{
    if (!atomic_load(waiting))
        return;
    must(pthread_mutex_lock(&p->lock));
    atomic_store(waiting, false);
    must(pthread_cond_signal(cond));
    must(pthread_mutex_unlock(&p->lock));
}

static uint64_t bytes_used(Pipe *p)
{
    return atomic_load(&p->head) - atomic_load(&p->tail);
}

static bool can_read(Pipe *p)
{
    return atomic_load(&p->write_closed) || bytes_used(p) > 0;
}

static bool can_write(Pipe *p)
{
    return atomic_load(&p->read_closed) || bytes_used(p) <= p->cap / 2;
}

static void sleep_until(Pipe *p, bool (*ready)(Pipe *), atomic_bool *waiting, pthread_cond_t *cond)
{
    must(pthread_mutex_lock(&p->lock));
    for (;;) {
        atomic_store(waiting, true);
        if (ready(p))
            break;
        must(pthread_cond_wait(cond, &p->lock));
    }
    atomic_store(waiting, false);
    must(pthread_mutex_unlock(&p->lock));
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int pipe_write(Writer *self, const void *buf, size_t n, Err *err)
{
    Pipe *p = (Pipe *)(void *)((char *)self - offsetof(Pipe, w));
    const char *from = buf;

    assert(!atomic_load(&p->write_closed));
    while (n > 0) {
        uint64_t head = atomic_load(&p->head);
        size_t at = (size_t)(head % p->cap), room, k;

        if (atomic_load(&p->read_closed))
            return err_set(err, ERR_CANCELLED, "nobody reads any more");
        room = p->cap - (size_t)bytes_used(p);
        if (room == 0) {
            sleep_until(p, can_write, &p->writer_waiting, &p->writable);
            continue;
        }
        k = least(n, least(room, p->cap - at));
        memcpy(p->ring + at, from, k);
        atomic_store(&p->head, head + k);
        wake(p, &p->reader_waiting, &p->readable);
        from += k;
        n -= k;
    }
    return 0;
}

static ssize_t pipe_read(Reader *self, void *buf, size_t n, Err *err)
{
    Pipe *p = (Pipe *)(void *)((char *)self - offsetof(Pipe, r));
    uint64_t tail = atomic_load(&p->tail);
    size_t at = (size_t)(tail % p->cap), there;

    /* Ask for the end first: what was written before it is then surely seen. */
    for (;;) {
        bool closed = atomic_load(&p->write_closed);

        there = (size_t)bytes_used(p);
        if (there > 0)
            break;
        if (closed && p->failed) {
            *err = p->cause;
            return -1;
        }
        if (closed)
            return 0;
        sleep_until(p, can_read, &p->reader_waiting, &p->readable);
    }
    n = least(n, least(there, p->cap - at));
    memcpy(buf, p->ring + at, n);
    atomic_store(&p->tail, tail + n);
    if (can_write(p))
        wake(p, &p->writer_waiting, &p->writable);
    return (ssize_t)n;
}

Pipe *pipe_new(size_t capacity)
{
    Pipe *p = NEW(Pipe);
    size_t blocks = capacity / IO_BLOCK + (capacity % IO_BLOCK != 0);

    p->r = (Reader){pipe_read};
    p->w = (Writer){pipe_write};
    p->cap = (blocks ? blocks : 1) * IO_BLOCK;
    p->ring = NEW_N(char, p->cap);
    must(pthread_mutex_init(&p->lock, NULL));
    must(pthread_cond_init(&p->readable, NULL));
    must(pthread_cond_init(&p->writable, NULL));
    return p;
}

void pipe_free(Pipe *p)
{
    if (!p)
        return;
    (void)pthread_cond_destroy(&p->writable);
    (void)pthread_cond_destroy(&p->readable);
    (void)pthread_mutex_destroy(&p->lock);
    free(p->ring);
    free(p);
}

Writer *pipe_writer(Pipe *p)
{
    return &p->w;
}

void pipe_close_write(Pipe *p, const Err *cause)
{
    if (atomic_load(&p->write_closed))
        return;
    p->failed = cause != NULL;
    if (cause)
        p->cause = *cause;
    atomic_store(&p->write_closed, true);
    wake(p, &p->reader_waiting, &p->readable);
}

Reader *pipe_reader(Pipe *p)
{
    return &p->r;
}

void pipe_close_read(Pipe *p)
{
    atomic_store(&p->read_closed, true);
    wake(p, &p->writer_waiting, &p->writable);
}
