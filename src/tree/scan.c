/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of directories, a few workers, and one collector:
 *
 *      worker: list a directory, statx every entry, compare with the tree, queue the
 *      sub-directories caller: collect what the workers noted, then bring the tree up to date
 *      (update.c)
 *
 * While workers run nobody changes the shape of the tree; a worker writes only to flags of the
 * children of its own directory and (adopting) to stamps, so no lock guards the tree.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/limits.h"
#include "os/chase.h"
#include "os/signal.h"
#include "os/walk.h"
#include "tree/note.h"

typedef struct Job {
    char *path; /* owned; "" = the root */
    Node *dir;  /* NULL when the tree does not have it */
    /*
     * the tree has had it all along, the disk has not: names that are missing on the disk were
     * never there
     */
    bool fresh;
} Job;

typedef struct Scan {
    const Tree *t;
    const ScanOpts *o;
    bool adopting;
    uint64_t mount; /* the id of the mount that the root is on; 0 = the kernel does not tell */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    VEC(Job) jobs;
    unsigned busy; /* workers that may still queue jobs */
    bool failed;
} Scan;

typedef struct Worker {
    Scan *scan;
    Findings found;
    int64_t newest_ctime_ns;
    DirList list; /* reused */
    /* the directory at hand */
    Job job;
    int fd;
    bool near_foreign;
    Buf path; /* of the entry at hand */
} Worker;

/* --- the queue --- */

static void push_job(Scan *s, const Job *j)
{
    (void)pthread_mutex_lock(&s->lock);
    vec_push(&s->jobs, *j);
    (void)pthread_cond_signal(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

/*
 * False when everything is done or somebody failed. 'was_busy': the caller has just finished a job.
 */
static bool take_job(Scan *s, bool was_busy, Job *ret)
{
    bool got = false;

    (void)pthread_mutex_lock(&s->lock);
    s->busy -= was_busy;
    while (s->jobs.n == 0 && s->busy > 0 && !s->failed)
        (void)pthread_cond_wait(&s->changed, &s->lock);
    if (s->jobs.n > 0 && !s->failed) {
        *ret = s->jobs.v[--s->jobs.n];
        s->busy++;
        got = true;
    } else {
        (void)pthread_cond_broadcast(&s->changed);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return got;
}

static void fail_scan(Scan *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->failed = true;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

/* --- what is not the image's --- */

typedef enum Foreign {
    FOREIGN_NO,
    FOREIGN_YES,
    FOREIGN_ABOVE
} Foreign;

static Foreign judge_foreign(const StrVec *foreign, Str path)
{
    Foreign f = FOREIGN_NO;

    if (!foreign)
        return f;
    vec_foreach(p, foreign) {
        if (path_within(path, *p))
            return FOREIGN_YES;
        if (path_within(*p, path))
            f = FOREIGN_ABOVE;
    }
    return f;
}

/* --- one directory --- */

static bool same_type(const Node *n, const struct statx *st)
{
    return (n->inode->mode & S_IFMT) == (st->stx_mode & (uint32_t)S_IFMT);
}

static bool same_as_before(const Node *n, const struct statx *st)
{
    const Inode *i = n->inode;

    return i->ino == st->stx_ino && i->ctime_ns == statx_ns(st->stx_ctime) && same_type(n, st) &&
           (!S_ISREG(i->mode) || i->size == st->stx_size);
}

/* Several names of one inode may be adopted by several workers at once, with equal values. */
static void adopt(Worker *w, Node *n, const struct statx *st)
{
    int64_t ctime_ns = statx_ns(st->stx_ctime);

    __atomic_store_n(&n->inode->ino, st->stx_ino, __ATOMIC_RELAXED);
    __atomic_store_n(&n->inode->ctime_ns, ctime_ns, __ATOMIC_RELAXED);
    n->flags = (uint8_t)((n->flags & ~NODE_ABSENT) | NODE_SEEN);
    if (ctime_ns > w->newest_ctime_ns)
        w->newest_ctime_ns = ctime_ns;
}

static int read_target(int dirfd, const char *name, char **ret, Err *err)
{
    cleanup_free char *target = NEW_N(char, LIMIT_SYMLINK + 1);
    ssize_t n = readlinkat(dirfd, name, target, LIMIT_SYMLINK + 1);

    if (n < 0)
        return err_sys(err, "readlink");
    if ((size_t)n > LIMIT_SYMLINK)
        return err_set(err, ERR_LIMIT, "the link is longer than %u bytes", LIMIT_SYMLINK);
    target[n] = '\0';
    *ret = xstrdup(target);
    return 0;
}

static Note note_of(const Worker *w, const struct statx *st)
{
    return (Note){.path = str_dup(buf_str(&w->path)),
                  .ino = st->stx_ino,
                  .size = st->stx_size,
                  .mtime_ns = statx_ns(st->stx_mtime),
                  .ctime_ns = statx_ns(st->stx_ctime),
                  .rdev = makedev(st->stx_rdev_major, st->stx_rdev_minor),
                  .mode = st->stx_mode,
                  .uid = st->stx_uid,
                  .gid = st->stx_gid,
                  .nlink = st->stx_nlink};
}

static int note_change(Worker *w, const char *name, const struct statx *st, bool above_foreign,
                       bool stub, Err *err)
{
    Note note = note_of(w, st);

    Note *in;

    note.above_foreign = above_foreign;
    note.stub = stub;
    vec_push(&w->found.notes, note);
    in = &w->found.notes.v[w->found.notes.n - 1];
    if (S_ISLNK(st->stx_mode))
        TRY(read_target(w->fd, name, &in->target, err));
    return xattrs_read_at(w->fd, name, &in->xattrs, err);
}

/*
 * What a command has mounted and left mounted is not in the image, and what it hides cannot be
 * seen: that stays as it was. (Mounts that were there before the build are foreign.)
 */
static bool is_covered(const Scan *s, const struct statx *st)
{
    return s->mount && st->stx_mask & STATX_MNT_ID && st->stx_mnt_id != s->mount;
}

static int compare(Worker *w, const char *name, Node *n, const struct statx *st, Foreign foreign,
                   Err *err)
{
    bool above = foreign == FOREIGN_ABOVE;

    if (n && w->job.fresh)
        n->flags |= NODE_ABSENT;
    if (n)
        n->flags |= NODE_SEEN;
    if (n && !(n->flags & NODE_ABSENT) && same_as_before(n, st))
        return 0;
    return note_change(w, name, st, above, !n && above, err);
}

static void queue_dir(Worker *w, Node *n)
{
    Job below = {.path = str_dup(buf_str(&w->path)), .dir = n && node_is_dir(n) ? n : NULL};

    below.fresh = below.dir && n->flags & NODE_ABSENT;
    push_job(w->scan, &below);
}

static int look_at(Worker *w, const char *name, Err *err)
{
    const Scan *s = w->scan;
    Node *n = w->job.dir ? tree_child(s->t, w->job.dir, str_from(name)) : NULL;
    Foreign foreign =
        w->near_foreign ? judge_foreign(s->o->foreign, buf_str(&w->path)) : FOREIGN_NO;
    struct statx st;

    if (foreign == FOREIGN_YES ||
        (s->o->ignored && s->o->ignored(s->o->ignored_ctx, buf_str(&w->path))))
        return 0; /* stays unseen: adopting makes the image's own file of that name NODE_ABSENT */
    TRY(stat_at(w->fd, name, &st, err));
    if (S_ISSOCK(st.stx_mode))
        return 0; /* an archive cannot hold one: to the image it is not there */
    if (is_covered(s, &st)) {
        if (n && !s->adopting)
            n->flags |= NODE_SEEN;
        return 0;
    }
    /*
     * var/run is a link in the image, and a directory here that holds a mount: then it is not the
     * image's either
     */
    if (foreign == FOREIGN_ABOVE && n && !node_is_dir(n))
        return 0;
    if (!s->adopting)
        TRY(compare(w, name, n, &st, foreign, err));
    else if (n && same_type(n, &st))
        adopt(w, n, &st);
    else
        return 0;
    if (S_ISDIR(st.stx_mode))
        queue_dir(w, n);
    return 0;
}

/* The tree's names that the disk did not show. */
static void settle_unseen(Worker *w)
{
    const Job *job = &w->job;

    for (Node *n = job->dir ? job->dir->inode->children : NULL; n; n = n->next) {
        if (n->flags & NODE_SEEN) {
            n->flags &= (uint8_t)~NODE_SEEN;
        } else if (w->scan->adopting || job->fresh) {
            n->flags |= NODE_ABSENT;
        } else if (!(n->flags & NODE_ABSENT)) {
            vec_push(&w->found.gone, n);
        }
    }
}

/* The directory's path and a '/', to which each name is then added. */
static void begin_path(Worker *w)
{
    buf_truncate(&w->path, 0);
    buf_add_z(&w->path, w->job.path);
    if (w->path.n)
        buf_add_char(&w->path, '/');
}

static int look_at_all(Worker *w, Err *err)
{
    size_t prefix;

    begin_path(w);
    prefix = w->path.n;
    for (size_t i = 0; i < w->list.n; i++) {
        const char *name = w->list.v[i].name;

        buf_truncate(&w->path, prefix);
        buf_add_z(&w->path, name);
        TRY(buf_check(&w->path, "the path of a file in the image", err));
        if (look_at(w, name, err) < 0)
            return err_wrap(err, "/%s", buf_z(&w->path));
    }
    return 0;
}

static int scan_dir(Worker *w, Err *err)
{
    const ScanOpts *o = w->scan->o;
    cleanup_close int fd = chase_beneath(o->root_fd, w->job.path, O_RDONLY | O_DIRECTORY, 0, err);

    if (fd < 0)
        return -1;
    TRY(signal_check(err));
    TRY(dir_list(fd, &w->list, err));
    w->fd = fd;
    w->near_foreign = judge_foreign(o->foreign, str_from(w->job.path)) != FOREIGN_NO;
    TRY(look_at_all(w, err));
    settle_unseen(w);
    return 0;
}

static int work(void *arg, Err *err)
{
    Worker *w = arg;

    for (bool busy = false; take_job(w->scan, busy, &w->job); busy = true) {
        int rc = scan_dir(w, err);

        free(w->job.path);
        if (rc < 0) {
            fail_scan(w->scan);
            return -1;
        }
    }
    return 0;
}

/* --- the whole walk --- */

enum {
    WORKERS_MAX = 4
}; /* more only fight for the directory locks */

static void findings_done(Findings *f)
{
    vec_foreach(n, &f->notes) {
        free(n->path);
        free(n->target);
        xattrs_free(n->xattrs);
    }
    vec_done(&f->notes);
    vec_done(&f->gone);
}

/* What one worker has found goes to what all have found. */
static void collect(Worker *w, Findings *to)
{
    vec_foreach(note, &w->found.notes)
        vec_push(&to->notes, *note);
    vec_foreach(n, &w->found.gone)
        vec_push(&to->gone, *n);
    vec_done(&w->found.notes);
    vec_done(&w->found.gone);
    dir_list_done(&w->list);
    buf_done(&w->path);
}

static int run_workers(Scan *s, Tree *t, Findings *ret, Err *err)
{
    Worker workers[WORKERS_MAX] = {0};
    Task *tasks[WORKERS_MAX];
    unsigned all = pool_threads(s->o->pool), n = all < WORKERS_MAX ? all : WORKERS_MAX;
    int rc = 0;

    for (unsigned i = 0; i < n; i++) {
        workers[i] = (Worker){.scan = s, .path = BUF_INIT(LIMIT_PATH)};
        tasks[i] = pool_submit(s->o->pool, work, &workers[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        Err mine;

        if (task_join(tasks[i], &mine) < 0 && rc == 0) {
            *err = mine;
            rc = -1;
        }
        tree_note_ctime(t, workers[i].newest_ctime_ns);
        collect(&workers[i], ret);
    }
    return rc;
}

static int scan_run(Tree *t, const ScanOpts *o, bool adopting, Findings *ret, Err *err)
{
    Scan s = {.t = t,
              .o = o,
              .adopting = adopting,
              .lock = PTHREAD_MUTEX_INITIALIZER,
              .changed = PTHREAD_COND_INITIALIZER};
    Job root = {.path = xstrdup(""), .dir = tree_root(t)};
    struct statx st;
    int rc;

    push_job(&s, &root);
    rc = stat_fd(o->root_fd, &st, err);
    if (rc == 0) {
        s.mount = st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0;
        rc = run_workers(&s, t, ret, err);
    }
    vec_foreach(job, &s.jobs)
        free(job->path);
    vec_done(&s.jobs);
    return rc;
}

int scan_adopt(Tree *t, const ScanOpts *o, Err *err)
{
    Findings none = {0};
    int rc = scan_run(t, o, true, &none, err);

    findings_done(&none);
    return rc;
}

int scan_changes(Tree *t, const ScanOpts *o, Err *err)
{
    Findings found = {0};
    int rc = scan_run(t, o, false, &found, err);

    if (rc == 0)
        rc = scan_update(t, o, &found, err);
    findings_done(&found);
    return rc;
}

/*
 * The end of the tick of the file system's clock that a stamp is from. Some know whole seconds only
 * (ext4 with inodes of 128 bytes); with others a whole second is a chance of one in millions.
 */
static int64_t end_of_tick(int64_t stamp_ns)
{
    const int64_t second_ns = 1000000000;

    return stamp_ns % second_ns == 0 ? stamp_ns + second_ns - 1 : stamp_ns;
}

static int64_t coarse_now_ns(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME_COARSE, &now) < 0)
        return INT64_MAX;
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void scan_settle(const Tree *t)
{
    const struct timespec tick = {.tv_nsec = 1000000};
    const int64_t newest = tree_newest_ctime(t), end = end_of_tick(newest);

    /*
     * A clock that was set back makes the remembered stamps lie in the future: no use waiting for
     * that.
     */
    for (int64_t ms = (end - newest) / 1000000 + 50; ms > 0; ms--) {
        if (coarse_now_ns() > end)
            return;
        (void)nanosleep(&tick, NULL);
    }
}
