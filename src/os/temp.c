/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All live Temps hang in one list under one lock. The lock is held across fork(), so that a child
 * finds the list whole; what it inherited belongs to the parent, and is only forgotten there.
 */
#include "os/temp.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include "os/file.h"

struct Temp {
    Temp *prev, *next;
    pid_t owner;
    bool is_dir;
    bool spent; /* committed, or removed by temp_remove_all() */
    char *path;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of everything below, and of Temps */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static Temp *live;
static pid_t closed_by; /* the process that called temp_remove_all(); 0: none */

static void take_lock(void)
{
    (void)pthread_mutex_lock(&lock);
}

static void leave_lock(void)
{
    (void)pthread_mutex_unlock(&lock);
}

static void survive_fork(void)
{
    (void)pthread_atfork(take_lock, leave_lock, leave_lock);
}

static void enlist(Temp *t)
{
    t->next = live;
    if (live)
        live->prev = t;
    live = t;
}

static void unlist(Temp *t)
{
    if (t->prev)
        t->prev->next = t->next;
    else
        live = t->next;
    if (t->next)
        t->next->prev = t->prev;
}

/*
 * The file itself, under the lock: nobody can stop half-way between its making and its
 * registration.
 */
static int make(Temp *t, int *ret_fd, Err *err)
{
    if (closed_by == getpid())
        return err_set(err, ERR_CANCELLED, "no more temporary files: stopping");
    if (t->is_dir) {
        if (!mkdtemp(t->path))
            return err_sys(err, "make temporary directory %s", t->path);
    } else {
        *ret_fd = mkostemp(t->path, O_CLOEXEC);
        if (*ret_fd < 0)
            return err_sys(err, "make temporary file %s", t->path);
    }
    t->owner = getpid();
    enlist(t);
    return 0;
}

static int temp_new(const char *dir, const char *prefix, bool is_dir, Temp **ret, int *ret_fd,
                    Err *err)
{
    Temp *t = NEW(Temp);
    int r, fd = -1;

    t->is_dir = is_dir;
    {
        cleanup_arena Arena a = ARENA_INIT;

        t->path = str_dup(str_fmt_in(&a, "%s/%s.XXXXXX", dir, prefix));
    }
    (void)pthread_once(&once, survive_fork);
    take_lock();
    r = make(t, &fd, err);
    leave_lock();
    if (r < 0) {
        free(t->path);
        free(t);
        return -1;
    }
    if (ret_fd)
        *ret_fd = fd;
    *ret = t;
    return 0;
}

int temp_file(const char *dir, const char *prefix, Temp **ret, int *ret_fd, Err *err)
{
    return temp_new(dir, prefix, false, ret, ret_fd, err);
}

int temp_dir(const char *dir, const char *prefix, Temp **ret, Err *err)
{
    return temp_new(dir, prefix, true, ret, NULL, err);
}

const char *temp_path(const Temp *t)
{
    return t->path;
}

int temp_commit(Temp *t, const char *final_path, Err *err)
{
    int r, saved;

    take_lock();
    if (t->spent) {
        leave_lock();
        return err_set(err, ERR_CANCELLED, "%s: no longer there: stopping", t->path);
    }
    r = rename(t->path, final_path);
    saved = errno;
    t->spent = r == 0;
    leave_lock();
    errno = saved;
    return r < 0 ? err_sys(err, "rename %s to %s", t->path, final_path) : 0;
}

/* What cannot be removed stays: there is nobody left to tell. */
static void remove_path(const Temp *t)
{
    Err err;

    if (t->is_dir)
        (void)(dir_remove_all(AT_FDCWD, t->path, &err) < 0);
    else
        (void)unlink(t->path);
}

static bool must_go(const Temp *t)
{
    return !t->spent && t->owner == getpid();
}

/*
 * A large directory must not hold up the other threads, so it is removed without the lock, but
 * stays in the list until it is gone: temp_remove_all() then helps, and does not let the process
 * end before.
 */
void temp_free(Temp *t)
{
    int saved = errno;
    bool go;

    if (!t)
        return;
    take_lock();
    go = must_go(t);
    leave_lock();
    if (go)
        remove_path(t);
    take_lock();
    unlist(t);
    leave_lock();
    free(t->path);
    free(t);
    errno = saved;
}

void temp_remove_all(void)
{
    take_lock();
    closed_by = getpid();
    for (Temp *t = live; t; t = t->next) {
        if (must_go(t))
            remove_path(t);
        t->spent = true;
    }
    leave_lock();
}
