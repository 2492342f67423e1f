/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/pool.h - the only place that starts threads: a pool that runs tasks in the order submitted.
 *
 * A task must not wait for another task of its own pool. Threads block all signals but those that
 * tell of their own faults; their stack is 1 MiB. No pool exists before the sandbox launcher is
 * forked (see sandbox/launcher.h).
 */
#pragma once

#include "base/err.h"
#include "os/cpu.h" /* cpu_count() */

typedef struct Pool Pool;

Pool *pool_new(
    unsigned threads); /* owned, threads >= 1; fewer when the system refuses, aborts without any */
void pool_free(Pool *p); /* runs and waits for every task; tasks not yet joined can still be */
CLEANUP_DEFINE(Pool, pool_free);
unsigned pool_threads(const Pool *p);

/* Returns 0 or a non-negative result, or -1 with *err. */
typedef int TaskFn(void *arg, Err *err);

typedef struct Task Task;

/* 'arg' is borrowed until the task is done. */
Task *pool_submit(Pool *p, TaskFn *fn, void *arg) must_check;

/* Wait, free the task, hand over its result and error. */
int task_join(Task *t, Err *err) must_check;
bool task_done(Task *t); /* without waiting */
