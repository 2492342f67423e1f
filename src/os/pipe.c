/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of blocks and three counts that only grow: blocks filled, tapped and read. A block is free again when it has been
 * both tapped and read.
 *
 *      read <= filled,  tapped <= filled,  filled - min(read, tapped) <= n
 *
 * All counts are behind one lock, which is taken a few times a block and never while bytes move. A filling side that has found
 * no room is woken when half of the ring is free and not before, so that a full pipe does not change threads
 * for every block.
 */
#include "os/pipe.h"

#include <assert.h>
#include <pthread.h>

#include "os/fd.h"

typedef struct Block {
    unsigned char *data; /* IO_BLOCK bytes of room */
    size_t n;
} Block;

struct Pipe {
    Reader r;
    Writer w;
    Block *filling; /* by pipe_write(): not full yet; NULL = none */
    PipeTap *tap;
    void *ctx;
    Block *blocks;
    size_t n;
    size_t at; /* bytes that were read of the block being read */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t moved; /* something of it has changed */
    uint64_t filled, tapped, read;
    bool tapping; /* some side is at block 'tapped' */
    bool write_closed, read_closed;
    bool failed;
    Err cause;
};

static void must(int r)
{
    if (r != 0)
        abort(); /* a mutex of our own in a state that the code does not allow */
}

static void lock(Pipe *p)
{
    must(pthread_mutex_lock(&p->lock));
}

static void unlock(Pipe *p)
{
    must(pthread_mutex_unlock(&p->lock));
}

/* --- with the lock held --- */

static void wait_for_move(Pipe *p)
{
    must(pthread_cond_wait(&p->moved, &p->lock));
}

static void moved(Pipe *p)
{
    must(pthread_cond_broadcast(&p->moved));
}

static size_t blocks_used(const Pipe *p)
{
    return (size_t)(p->filled - (p->read < p->tapped ? p->read : p->tapped));
}

/* Tap the next block, unless there is none or the other side is at it. The lock is let go meanwhile. */
static bool tap_one(Pipe *p)
{
    const Block *b = &p->blocks[p->tapped % p->n];

    if (p->tapping || p->tapped == p->filled)
        return false;
    p->tapping = true;
    unlock(p);
    if (p->tap)
        p->tap(p->ctx, b->data, b->n);
    lock(p);
    p->tapping = false;
    p->tapped++;
    moved(p);
    return true;
}

/* --- the filling side --- */

static int wait_for_room(Pipe *p, Block **ret, Err *err)
{
    size_t enough = p->n - 1;
    int rc = 0;

    lock(p);
    while (!p->read_closed && blocks_used(p) > enough) {
        if (tap_one(p))
            continue;
        wait_for_move(p);
        enough = p->n / 2;
    }
    if (p->read_closed)
        rc = err_set(err, ERR_CANCELLED, "nobody reads any more");
    *ret = &p->blocks[p->filled % p->n];
    unlock(p);
    return rc;
}

int pipe_fill(Pipe *p, Reader *in, Err *err)
{
    for (;;) {
        Block *b;
        ssize_t k;

        TRY(wait_for_room(p, &b, err));
        k = reader_read(in, b->data, IO_BLOCK, err);
        if (k <= 0)
            return (int)k;
        b->n = (size_t)k;
        lock(p);
        assert(!p->write_closed);
        p->filled++;
        moved(p);
        unlock(p);
    }
}

static void hand_over(Pipe *p)
{
    p->filling = NULL;
    lock(p);
    assert(!p->write_closed);
    p->filled++;
    moved(p);
    unlock(p);
}

static int pipe_write(Writer *self, const void *buf, size_t n, Err *err)
{
    Pipe *p = (Pipe *)((char *)self - offsetof(Pipe, w));
    const unsigned char *from = buf;

    while (n > 0) {
        size_t k;

        if (!p->filling) {
            TRY(wait_for_room(p, &p->filling, err));
            p->filling->n = 0;
        }
        k = IO_BLOCK - p->filling->n < n ? IO_BLOCK - p->filling->n : n;
        memcpy(p->filling->data + p->filling->n, from, k);
        p->filling->n += k;
        from += k;
        n -= k;
        if (p->filling->n == IO_BLOCK)
            hand_over(p);
    }
    return 0;
}

Writer *pipe_writer(Pipe *p)
{
    return &p->w;
}

void pipe_close_write(Pipe *p, const Err *cause)
{
    if (p->filling && p->filling->n)
        hand_over(p);
    lock(p);
    if (!p->write_closed) {
        p->failed = cause != NULL;
        if (cause)
            p->cause = *cause;
        p->write_closed = true;
        moved(p);
    }
    unlock(p);
}

/* --- the reading side --- */

/* 1: there is a block to read. 0: the end, and everything is tapped. */
static int wait_for_block(Pipe *p, Err *err)
{
    int rc = 1;

    lock(p);
    while (p->read == p->filled && !(p->write_closed && p->tapped == p->filled))
        if (!tap_one(p))
            wait_for_move(p);
    if (p->read == p->filled) {
        rc = p->failed ? -1 : 0;
        if (p->failed)
            *err = p->cause;
    }
    unlock(p);
    return rc;
}

static void finish_block(Pipe *p)
{
    lock(p);
    p->read++;
    if (blocks_used(p) <= p->n / 2)
        moved(p);
    unlock(p);
    p->at = 0;
}

static ssize_t pipe_read(Reader *self, void *buf, size_t n, Err *err)
{
    Pipe *p = (Pipe *)self;
    const Block *b = &p->blocks[p->read % p->n]; /* only this side changes 'read' */

    if (p->at == 0) {
        int rc = wait_for_block(p, err);

        if (rc <= 0)
            return rc;
    }
    if (n > b->n - p->at)
        n = b->n - p->at;
    memcpy(buf, b->data + p->at, n);
    p->at += n;
    if (p->at == b->n)
        finish_block(p);
    return (ssize_t)n;
}

Reader *pipe_reader(Pipe *p)
{
    return &p->r;
}

void pipe_close_read(Pipe *p)
{
    lock(p);
    p->read_closed = true;
    moved(p);
    unlock(p);
}

/* --- life cycle --- */

Pipe *pipe_new(size_t blocks, PipeTap *tap, void *ctx)
{
    Pipe *p = NEW(Pipe);

    assert(blocks >= 2);
    p->r = (Reader){pipe_read};
    p->w = (Writer){pipe_write};
    p->tap = tap;
    p->ctx = ctx;
    p->n = blocks;
    p->blocks = NEW_N(Block, blocks);
    for (size_t i = 0; i < blocks; i++)
        p->blocks[i].data = NEW_N(unsigned char, IO_BLOCK);
    must(pthread_mutex_init(&p->lock, NULL));
    must(pthread_cond_init(&p->moved, NULL));
    return p;
}

void pipe_free(Pipe *p)
{
    if (!p)
        return;
    (void)pthread_cond_destroy(&p->moved);
    (void)pthread_mutex_destroy(&p->lock);
    for (size_t i = 0; i < p->n; i++)
        free(p->blocks[i].data);
    free(p->blocks);
    free(p);
}
