/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of directories, a few workers, and one collector:
 *
 *      worker: list a directory, statx every entry, compare with the tree, queue the sub-directories
 *      caller: sort what the workers noted by path, bring the tree up to date in that order
 *
 * While workers run nobody changes the shape of the tree; a worker writes only to flags of the
 * children of its own directory and (adopting) to stamps, so no lock guards the tree.
 */
#include "tree/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "os/chase.h"
#include "os/fd.h"
#include "os/walk.h"

/* One difference that a worker saw. */
typedef struct Note {
    char *path;
    Node *deleted; /* in the tree, not on the disk; else: */
    Node *touched; /* a directory whose mtime was set */
    struct statx st;
    char *target; /* symlink */
    Xattrs *xattrs;
    bool above_foreign; /* something below it is not the image's */
    bool stub;          /* a directory that may be there only to hold a mount point */
} Note;

typedef VEC(Note) NoteVec;

typedef struct Job {
    char *path; /* "" = the root */
    Node *dir;  /* NULL when the tree does not have it */
} Job;

typedef struct Scan {
    const Tree *t;
    const ScanOpts *o;
    bool adopting;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    VEC(Job) jobs;
    unsigned busy; /* workers that may still queue jobs */
    bool failed;
} Scan;

typedef struct Worker {
    Scan *scan;
    NoteVec notes;
    int64_t newest_ctime_ns;
    DirList list; /* reused */
} Worker;

/* --- the queue --- */

static void push_job(Scan *s, char *taken_path, Node *dir)
{
    Job j = {taken_path, dir};

    (void)pthread_mutex_lock(&s->lock);
    vec_push(&s->jobs, j);
    (void)pthread_cond_signal(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

/* False when everything is done or somebody failed. 'was_busy': the caller has just finished a job. */
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

static bool same_as_before(const Node *n, const struct statx *st)
{
    const Inode *i = n->inode;

    return i->ino == st->stx_ino && i->ctime_ns == statx_ns(st->stx_ctime) &&
           (i->mode & S_IFMT) == (st->stx_mode & (uint32_t)S_IFMT) &&
           (!S_ISREG(i->mode) || i->size == st->stx_size);
}

/* Several names of one inode may be adopted by several workers at once, with equal values. */
static void adopt(Worker *w, Node *n, const struct statx *st)
{
    int64_t ctime_ns = statx_ns(st->stx_ctime);

    __atomic_store_n(&n->inode->ino, st->stx_ino, __ATOMIC_RELAXED);
    __atomic_store_n(&n->inode->ctime_ns, ctime_ns, __ATOMIC_RELAXED);
    n->flags &= (uint8_t)~NODE_ABSENT;
    if (ctime_ns > w->newest_ctime_ns)
        w->newest_ctime_ns = ctime_ns;
}

static int read_target(int dirfd, const char *name, uint64_t size, char **ret, Err *err)
{
    size_t cap = size > 0 && size < LIMIT_SYMLINK ? (size_t)size + 1 : LIMIT_SYMLINK + 1;
    cleanup_free char *target = NEW_N(char, cap + 1);
    ssize_t n = readlinkat(dirfd, name, target, cap);

    if (n < 0)
        return err_sys(err, "readlink %s", name);
    target[n] = '\0';
    *ret = steal_ptr(&target);
    return 0;
}

static int note_change(Worker *w, int dirfd, const char *name, const char *path,
                       const struct statx *st, bool above_foreign, bool stub, Err *err)
{
    Note note = {.st = *st, .above_foreign = above_foreign, .stub = stub};

    if (S_ISSOCK(st->stx_mode))
        return 0; /* an archive cannot hold one, and a restart makes it anew */
    if (S_ISLNK(st->stx_mode))
        TRY(read_target(dirfd, name, st->stx_size, &note.target, err));
    if (xattrs_read_at(dirfd, name, &note.xattrs, err) < 0) {
        free(note.target);
        return -1;
    }
    note.path = xstrdup(path);
    vec_push(&w->notes, note);
    return 0;
}

static int look_at(Worker *w, const Job *job, int fd, const char *name, const char *path,
                   bool near_foreign, Err *err)
{
    const ScanOpts *o = w->scan->o;
    Node *n = job->dir ? tree_child(w->scan->t, job->dir, str_from(name)) : NULL;
    Foreign foreign = near_foreign ? judge_foreign(o->foreign, str_from(path)) : FOREIGN_NO;
    struct statx st;

    if (foreign == FOREIGN_YES)
        return 0; /* stays unseen: adopting makes the image's own file of that name NODE_ABSENT */
    TRY(stat_at(fd, name, &st, err));
    if (n &&
        !(w->scan->adopting && (n->inode->mode & S_IFMT) != (st.stx_mode & (uint32_t)S_IFMT))) {
        n->flags |= NODE_SEEN;
        if (w->scan->adopting)
            adopt(w, n, &st);
    }
    if (!w->scan->adopting && (!n || (n->flags & NODE_ABSENT) || !same_as_before(n, &st)))
        TRY(note_change(w, fd, name, path, &st, foreign == FOREIGN_ABOVE,
                        !n && foreign == FOREIGN_ABOVE, err));
    if (S_ISDIR(st.stx_mode)) {
        Node *below = n && node_is_dir(n) ? n : NULL;

        if (below || !w->scan->adopting)
            push_job(w->scan, xstrdup(path), below);
    }
    return 0;
}

/* The tree's names that the disk did not show. */
static void settle_unseen(Worker *w, const Job *job)
{
    for (Node *n = job->dir ? job->dir->inode->children : NULL; n; n = n->next) {
        if (n->flags & NODE_SEEN) {
            n->flags &= (uint8_t)~NODE_SEEN;
        } else if (w->scan->adopting) {
            n->flags |= NODE_ABSENT;
        } else if (!(n->flags & NODE_ABSENT)) {
            cleanup_arena Arena a = ARENA_INIT;
            Note note = {.path = str_dup(node_path(n, &a)), .deleted = n};

            vec_push(&w->notes, note);
        }
    }
}

static int scan_dir(Worker *w, const Job *job, Err *err)
{
    const ScanOpts *o = w->scan->o;
    cleanup_buf Buf path = BUF_INIT(LIMIT_PATH);
    cleanup_close int fd = chase_beneath(o->root_fd, job->path, O_RDONLY | O_DIRECTORY, 0, err);
    bool near_foreign = judge_foreign(o->foreign, str_from(job->path)) != FOREIGN_NO;
    size_t prefix;

    if (fd < 0)
        return -1;
    TRY(dir_list(fd, &w->list, err));
    buf_add_z(&path, job->path);
    if (path.n)
        buf_add_char(&path, '/');
    prefix = path.n;
    for (size_t i = 0; i < w->list.n; i++) {
        const char *name = w->list.v[i].name;

        buf_truncate(&path, prefix);
        buf_add_z(&path, name);
        TRY(buf_check(&path, "the path of a file in the image", err));
        if (look_at(w, job, fd, name, buf_z(&path), near_foreign, err) < 0)
            return err_wrap(err, "/%s", buf_z(&path));
    }
    settle_unseen(w, job);
    return 0;
}

static int work(void *arg, Err *err)
{
    Worker *w = arg;
    Job job;

    for (bool busy = false; take_job(w->scan, busy, &job); busy = true) {
        int rc = scan_dir(w, &job, err);

        free(job.path);
        if (rc < 0) {
            fail_scan(w->scan);
            return -1;
        }
    }
    return 0;
}

/* --- bringing the tree up to date --- */

typedef struct Update {
    Tree *t;
    const ScanOpts *o;
    Map by_ino; /* new inodes with several links */
} Update;

static uint32_t note_uid(const Update *u, const Note *note, const Node *old)
{
    return u->o->ignore_owner ? (old ? old->inode->uid : 0) : note->st.stx_uid;
}

static uint32_t note_gid(const Update *u, const Note *note, const Node *old)
{
    return u->o->ignore_owner ? (old ? old->inode->gid : 0) : note->st.stx_gid;
}

static Inode *inode_from(Update *u, Note *note, const Node *old)
{
    const struct statx *st = &note->st;
    Inode *i = tree_inode_new(u->t, st->stx_mode);

    i->uid = note_uid(u, note, old);
    i->gid = note_gid(u, note, old);
    i->mtime_ns = statx_ns(st->stx_mtime);
    i->ino = st->stx_ino;
    i->ctime_ns = statx_ns(st->stx_ctime);
    if (S_ISREG(i->mode))
        i->size = st->stx_size;
    else if (S_ISLNK(i->mode))
        inode_set_target(u->t, i, str_from(note->target));
    else if (!S_ISDIR(i->mode))
        i->rdev = makedev(st->stx_rdev_major, st->stx_rdev_minor);
    inode_set_xattrs(u->t, i, steal_ptr(&note->xattrs));
    return i;
}

static Inode *shared_inode(Update *u, Note *note, const Node *old)
{
    Str key = {(const char *)&note->st.stx_ino, sizeof(note->st.stx_ino)};
    bool shared = !S_ISDIR(note->st.stx_mode) && note->st.stx_nlink > 1;
    Inode *i = shared ? map_find(&u->by_ino, key) : NULL;

    if (i)
        return i;
    i = inode_from(u, note, old);
    if (shared)
        (void)map_set(&u->by_ino, key, i);
    return i;
}

/* A directory that is still a directory keeps its node, its inode and its children. */
static void update_dir(Update *u, Note *note, Node *n)
{
    Inode *i = n->inode;
    uint32_t uid = note_uid(u, note, n), gid = note_gid(u, note, n);
    int64_t mtime_ns = statx_ns(note->st.stx_mtime);

    if (i->mode != note->st.stx_mode || i->uid != uid || i->gid != gid ||
        !xattrs_equal(i->xattrs, note->xattrs) || (n->flags & NODE_ABSENT))
        tree_mark_dirty(n);
    if (i->mtime_ns != mtime_ns && mtime_ns != statx_ns(note->st.stx_ctime) && !note->above_foreign)
        note->touched = n;
    i->mode = note->st.stx_mode;
    i->uid = uid;
    i->gid = gid;
    i->mtime_ns = mtime_ns;
    i->ino = note->st.stx_ino;
    i->ctime_ns = statx_ns(note->st.stx_ctime);
    inode_set_xattrs(u->t, i, steal_ptr(&note->xattrs));
    n->flags &= (uint8_t)~NODE_ABSENT;
}

static int update_entry(Update *u, Note *note, Err *err)
{
    Str path = str_from(note->path), head, tail;
    Node *dir = tree_root(u->t), *n;

    if (str_cut_last(path, '/', &head, &tail))
        TRY(tree_at(u->t, head, &dir, err));
    else
        tail = path;
    if (!dir)
        return err_set(err, ERR_SYS, "/%s changed while it was being scanned", note->path);
    tree_note_ctime(u->t, statx_ns(note->st.stx_ctime));
    n = tree_child(u->t, dir, tail);
    if (n && node_is_dir(n) && S_ISDIR(note->st.stx_mode)) {
        update_dir(u, note, n);
        return 0;
    }
    if (n && (node_is_dir(n) || S_ISDIR(note->st.stx_mode))) {
        tree_remove(u->t, n);
        n = NULL;
    }
    if (n) {
        node_set_inode(n, shared_inode(u, note, n));
        n->flags &= (uint8_t)~NODE_ABSENT;
    } else {
        TRY(tree_add(u->t, dir, tail, shared_inode(u, note, NULL), &n, err));
        n->flags |= NODE_NEW;
    }
    tree_mark_dirty(n);
    return 0;
}

/* Component by component, so that what lies below a directory comes right behind it ("a", "a/b", "a-c"). */
static int by_path(const void *pa, const void *pb)
{
    const unsigned char *a = (const unsigned char *)((const Note *)pa)->path;
    const unsigned char *b = (const unsigned char *)((const Note *)pb)->path;

    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (*a == '/' ? 1 : *a ? *a + 1 : 0) - (*b == '/' ? 1 : *b ? *b + 1 : 0);
}

/* A stub counts only when something that is the image's lies below it. The notes are sorted. */
static bool stub_is_used(const NoteVec *notes, const Note *stub)
{
    for (const Note *n = stub + 1; n < notes->v + notes->n; n++) {
        if (!path_within(str_from(n->path), str_from(stub->path)))
            return false;
        if (!n->stub && !n->deleted)
            return true;
    }
    return false;
}

/*
 * A directory's time is a change of its own when somebody has set it (touch, tar, cp -p): mtime and ctime then differ. Entries that came and
 * went move both together, and that is no change. Where something below changed it comes with that anyway; and where
 * mounts of the container lie below, not only the command sets it.
 */
static void mark_touched(const NoteVec *notes)
{
    vec_foreach(note, notes)
        if (note->touched && !(note->touched->flags & (NODE_DIRTY_BELOW | NODE_REMOVED)))
            tree_mark_dirty(note->touched);
}

static int update_tree(Tree *t, const ScanOpts *o, NoteVec *notes, Err *err)
{
    Update u = {.t = t, .o = o};
    int rc = 0;

    if (notes->n > 1)
        qsort(notes->v, notes->n, sizeof(*notes->v), by_path);
    /* What is gone goes first: a file's old name must not stand in the way of a directory's new one. */
    vec_foreach(note, notes) {
        Node *gone = note->deleted;

        if (!gone || (gone->flags & NODE_REMOVED))
            continue;
        tree_mark_deleted(t, gone->parent, node_name(gone));
        tree_remove(t, gone);
    }
    vec_foreach(note, notes) {
        if (note->deleted || (note->stub && !stub_is_used(notes, note)))
            continue;
        rc = update_entry(&u, note, err);
        if (rc < 0)
            break;
    }
    mark_touched(notes);
    map_done(&u.by_ino);
    return rc;
}

/* --- the whole walk --- */

enum {
    WORKERS_MAX = 4
}; /* more only fight for the directory locks */

static void notes_done(NoteVec *notes)
{
    vec_foreach(n, notes) {
        free(n->path);
        free(n->target);
        xattrs_free(n->xattrs);
    }
    vec_done(notes);
}

static int scan_run(Tree *t, const ScanOpts *o, bool adopting, NoteVec *ret, Err *err)
{
    Scan s = {.t = t,
              .o = o,
              .adopting = adopting,
              .lock = PTHREAD_MUTEX_INITIALIZER,
              .changed = PTHREAD_COND_INITIALIZER};
    Worker workers[WORKERS_MAX] = {0};
    Task *tasks[WORKERS_MAX];
    unsigned n = pool_threads(o->pool) < WORKERS_MAX ? pool_threads(o->pool) : WORKERS_MAX;
    int rc = 0;

    push_job(&s, xstrdup(""), tree_root(t));
    for (unsigned i = 0; i < n; i++) {
        workers[i].scan = &s;
        tasks[i] = pool_submit(o->pool, work, &workers[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        Err mine;

        if (task_join(tasks[i], &mine) < 0 && rc == 0) {
            *err = mine;
            rc = -1;
        }
        vec_foreach(note, &workers[i].notes)
            vec_push(ret, *note);
        vec_done(&workers[i].notes);
        dir_list_done(&workers[i].list);
        tree_note_ctime(t, workers[i].newest_ctime_ns);
    }
    vec_foreach(job, &s.jobs)
        free(job->path);
    vec_done(&s.jobs);
    return rc;
}

int scan_adopt(Tree *t, const ScanOpts *o, Err *err)
{
    NoteVec none = {0};
    int rc = scan_run(t, o, true, &none, err);

    notes_done(&none);
    return rc;
}

int scan_changes(Tree *t, const ScanOpts *o, Err *err)
{
    NoteVec notes = {0};
    int rc = scan_run(t, o, false, &notes, err);

    if (rc == 0)
        rc = update_tree(t, o, &notes, err);
    notes_done(&notes);
    return rc;
}

void scan_settle(const Tree *t)
{
    const struct timespec tick = {.tv_nsec = 1000000};

    /* A clock that was set back makes the remembered stamps lie in the future: no use waiting for that. */
    for (unsigned i = 0; i < 50; i++) {
        struct timespec now;

        if (clock_gettime(CLOCK_REALTIME_COARSE, &now) < 0 ||
            (int64_t)now.tv_sec * 1000000000 + now.tv_nsec > tree_newest_ctime(t))
            return;
        (void)nanosleep(&tick, NULL);
    }
}
