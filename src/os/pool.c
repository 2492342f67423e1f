/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One queue, first in first out, a mutex and a condition for it. A Task carries its own mutex and
 * condition, so that joining one task does not wake those who wait for others, and a Task may
 * outlive its pool. An Err is large: a task gets one only when it fails.
 */
#include "os/pool.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "base/mem.h"

static const size_t STACK_SIZE = (size_t)1 << 20; /* bytes */

struct Task {
    Task *next; /* in the queue */
    TaskFn *fn;
    void *arg;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t finished;
    bool done;
    int result;
    Err *err; /* NULL unless result is -1 */
};

struct Pool {
    pthread_mutex_t lock; /* of the queue */
    pthread_cond_t work;
    Task *first, *last;
    bool closing;
    unsigned n;
    pthread_t threads[];
};

static void must(int r, const char *what)
{
    if (r == 0)
        return;
    (void)fprintf(stderr, "kiln: %s: %s\n", what, strerrordesc_np(r));
    abort();
}

static void task_run(Task *t)
{
    Err err = {0};
    int result = t->fn(t->arg, &err);

    must(pthread_mutex_lock(&t->lock), "lock");
    t->result = result;
    if (result < 0) {
        t->err = NEW(Err);
        *t->err = err;
    }
    t->done = true;
    /* Under the lock: once it is free the joiner may free the task. */
    must(pthread_cond_broadcast(&t->finished), "signal");
    must(pthread_mutex_unlock(&t->lock), "unlock");
}

/* The next task, waiting for one; NULL when the pool closes and the queue is empty. */
static Task *next_task(Pool *p)
{
    Task *t;

    must(pthread_mutex_lock(&p->lock), "lock");
    while (!p->first && !p->closing)
        must(pthread_cond_wait(&p->work, &p->lock), "wait");
    t = p->first;
    if (t) {
        p->first = t->next;
        if (!p->first)
            p->last = NULL;
    }
    must(pthread_mutex_unlock(&p->lock), "unlock");
    return t;
}

static void *thread_main(void *arg)
{
    for (Task *t; (t = next_task(arg));)
        task_run(t);
    return NULL;
}

/* All signals but the synchronous ones: blocking those would only hide where a fault was. */
static void mask_for_threads(sigset_t *ret)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};

    (void)sigfillset(ret);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        (void)sigdelset(ret, faults[i]);
}

static void start_threads(Pool *p, unsigned threads)
{
    pthread_attr_t attr;
    sigset_t mask, before;
    int r = 0;

    must(pthread_attr_init(&attr), "thread attributes");
    must(pthread_attr_setstacksize(&attr, STACK_SIZE), "thread stack");
    mask_for_threads(&mask);
    must(pthread_sigmask(SIG_SETMASK, &mask, &before), "signal mask"); /* threads inherit it */
    while (p->n < threads && r == 0) {
        r = pthread_create(&p->threads[p->n], &attr, thread_main, p);
        if (r == 0)
            p->n++;
    }
    must(pthread_sigmask(SIG_SETMASK, &before, NULL), "signal mask");
    must(pthread_attr_destroy(&attr), "thread attributes");
    if (p->n == 0)
        must(r, "cannot start a thread");
}

Pool *pool_new(unsigned threads)
{
    Pool *p;

    assert(threads > 0);
    p = xalloc(1, sizeof(*p) + threads * sizeof(p->threads[0]));
    must(pthread_mutex_init(&p->lock, NULL), "mutex");
    must(pthread_cond_init(&p->work, NULL), "condition");
    start_threads(p, threads);
    return p;
}

void pool_free(Pool *p)
{
    if (!p)
        return;
    must(pthread_mutex_lock(&p->lock), "lock");
    p->closing = true;
    must(pthread_cond_broadcast(&p->work), "signal");
    must(pthread_mutex_unlock(&p->lock), "unlock");
    for (unsigned i = 0; i < p->n; i++)
        must(pthread_join(p->threads[i], NULL), "join");
    (void)pthread_cond_destroy(&p->work);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

unsigned pool_threads(const Pool *p)
{
    return p->n;
}

Task *pool_submit(Pool *p, TaskFn *fn, void *arg)
{
    Task *t = NEW(Task);

    t->fn = fn;
    t->arg = arg;
    must(pthread_mutex_init(&t->lock, NULL), "mutex");
    must(pthread_cond_init(&t->finished, NULL), "condition");
    must(pthread_mutex_lock(&p->lock), "lock");
    assert(!p->closing);
    if (p->last)
        p->last->next = t;
    else
        p->first = t;
    p->last = t;
    must(pthread_cond_signal(&p->work), "signal");
    must(pthread_mutex_unlock(&p->lock), "unlock");
    return t;
}

int task_join(Task *t, Err *err)
{
    int result;

    must(pthread_mutex_lock(&t->lock), "lock");
    while (!t->done)
        must(pthread_cond_wait(&t->finished, &t->lock), "wait");
    must(pthread_mutex_unlock(&t->lock), "unlock");
    result = t->result;
    if (t->err)
        *err = *t->err;
    free(t->err);
    (void)pthread_cond_destroy(&t->finished);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
    return result;
}

bool task_done(Task *t)
{
    bool done;

    must(pthread_mutex_lock(&t->lock), "lock");
    done = t->done;
    must(pthread_mutex_unlock(&t->lock), "unlock");
    return done;
}
