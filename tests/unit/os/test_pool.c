/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>

#include "os/pool.h"
#include "test.h"

enum {
    TASKS = 2000
};

static int twice(void *arg, Err *err)
{
    (void)err;
    return *(const int *)arg * 2;
}

TEST(hands_over_every_result)
{
    static int args[TASKS];
    static Task *tasks[TASKS];
    cleanup_with(pool_free_at) Pool *p = pool_new(4);
    Err err;

    CHECK(pool_threads(p) >= 1 && pool_threads(p) <= 4);
    for (int i = 0; i < TASKS; i++) {
        args[i] = i;
        tasks[i] = pool_submit(p, twice, &args[i]);
    }
    for (int i = TASKS - 1; i >= 0; i--)
        CHECK(task_join(tasks[i], &err) == 2 * i);
}

static int fails(void *arg, Err *err)
{
    return err_set(err, ERR_DIGEST, "layer %s", (const char *)arg);
}

TEST(hands_over_the_error)
{
    cleanup_with(pool_free_at) Pool *p = pool_new(2);
    char a[] = "a", b[] = "b";
    Task *first = pool_submit(p, fails, a), *second = pool_submit(p, fails, b);
    Err err;

    CHECK_ERR(task_join(second, &err), ERR_DIGEST, "layer b");
    CHECK_ERR(task_join(first, &err), ERR_DIGEST, "layer a");
}

typedef struct Order {
    int next;
    int wrong;
} Order;
typedef struct Numbered {
    Order *order;
    int number;
} Numbered;

static int in_order(void *arg, Err *err)
{
    Numbered *n = arg;

    (void)err;
    n->order->wrong += n->order->next++ != n->number;
    return 0;
}

TEST(one_thread_keeps_the_order)
{
    static Numbered args[TASKS];
    static Task *tasks[TASKS];
    Pool *p = pool_new(1);
    Order order = {0};
    Err err;

    for (int i = 0; i < TASKS; i++) {
        args[i] = (Numbered){&order, i};
        tasks[i] = pool_submit(p, in_order, &args[i]);
    }
    pool_free(p); /* waits for all; the tasks outlive it */
    CHECK(order.next == TASKS && order.wrong == 0);
    for (int i = 0; i < TASKS; i++) {
        CHECK(task_done(tasks[i]));
        CHECK_OK(task_join(tasks[i], &err));
    }
}

typedef struct Gate {
    pthread_barrier_t both;
    pthread_barrier_t open;
} Gate;

static int meet(void *arg, Err *err)
{
    Gate *g = arg;

    (void)err;
    (void)pthread_barrier_wait(&g->both);
    (void)pthread_barrier_wait(&g->open);
    return 7;
}

TEST(tasks_run_at_the_same_time)
{
    cleanup_with(pool_free_at) Pool *p = pool_new(2);
    Task *a, *b;
    Gate g;
    Err err;

    CHECK(pthread_barrier_init(&g.both, NULL, 3) == 0);
    CHECK(pthread_barrier_init(&g.open, NULL, 3) == 0);
    a = pool_submit(p, meet, &g);
    b = pool_submit(p, meet, &g);
    (void)pthread_barrier_wait(&g.both); /* returns only when both run */
    CHECK(!task_done(a) && !task_done(b));
    (void)pthread_barrier_wait(&g.open);
    CHECK(task_join(a, &err) == 7 && task_join(b, &err) == 7);
    (void)pthread_barrier_destroy(&g.both);
    (void)pthread_barrier_destroy(&g.open);
}

static int look_at_thread(void *arg, Err *err)
{
    static const int blocked[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE, SIGUSR1, SIGALRM};
    pthread_attr_t attr;
    size_t stack = 0;
    sigset_t mask;

    (void)arg;
    (void)err;
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
    for (size_t i = 0; i < ARRAY_LEN(blocked); i++)
        CHECK(sigismember(&mask, blocked[i]));
    CHECK(!sigismember(&mask, SIGSEGV));
    CHECK(pthread_getattr_np(pthread_self(), &attr) == 0);
    CHECK(pthread_attr_getstacksize(&attr, &stack) == 0);
    CHECK(stack >= (size_t)1 << 20);
    return pthread_attr_destroy(&attr);
}

TEST(threads_block_signals_and_the_caller_does_not)
{
    cleanup_with(pool_free_at) Pool *p = pool_new(1);
    sigset_t mask;
    Err err;

    CHECK_OK(task_join(pool_submit(p, look_at_thread, NULL), &err));
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
    CHECK(!sigismember(&mask, SIGTERM));
}

TEST(nothing_to_do_is_fine)
{
    pool_free(NULL);
    pool_free(pool_new(3));
}

TEST_MAIN(T(hands_over_every_result), T(hands_over_the_error), T(one_thread_keeps_the_order),
          T(tasks_run_at_the_same_time), T(threads_block_signals_and_the_caller_does_not),
          T(nothing_to_do_is_fine))
