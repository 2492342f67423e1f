/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transfer tells which file it writes and how far it is; readers wait for that and read the
 * file beside it. Only when as much has come as a reader asked for is it woken: a decoder is slow
 * with crumbs.
 */
#include "build/download.h"

#include <fcntl.h>
#include <pthread.h>

#include "build/damage.h"
#include "os/fd.h"

struct Download {
    Builder *b;
    ImageLayer layer;
    RegistryEvents events;
    Task *task;           /* NULL: joined */
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t moved;
    int fd;        /* the file being written; -1 before */
    uint64_t size; /* bytes in it */
    uint64_t woken_at;
    bool restarted;
    bool ended;
    bool failed;
    Err err;
};

static void must(int r)
{
    if (r != 0)
        abort(); /* a mutex of our own in a state that the code does not allow */
}

/* --- the transfer's side --- */

static void on_begin(void *ctx, const Digest *blob, int fd)
{
    Download *d = ctx;

    (void)blob;
    must(pthread_mutex_lock(&d->lock));
    d->restarted = d->restarted || d->size > 0;
    d->size = d->woken_at = 0;
    close_at(&d->fd);
    d->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* without one, readers wait for the end */
    must(pthread_mutex_unlock(&d->lock));
}

static void on_bytes(void *ctx, const Digest *blob, uint64_t done, uint64_t total)
{
    Download *d = ctx;

    (void)blob;
    (void)total;
    must(pthread_mutex_lock(&d->lock));
    d->size = done;
    if (d->size - d->woken_at >= IO_BLOCK) {
        d->woken_at = d->size;
        must(pthread_cond_broadcast(&d->moved));
    }
    must(pthread_mutex_unlock(&d->lock));
}

static int download(void *arg, Err *err)
{
    Download *d = arg;
    const ImageLayer *l = &d->layer;
    int rc =
        registry_pull_blob(d->b->registry, &l->origin->ref, &l->desc, d->b->store, &d->events, err);

    must(pthread_mutex_lock(&d->lock));
    close_at(&d->fd);
    d->ended = true;
    d->failed = rc < 0;
    if (rc < 0)
        d->err = *err;
    must(pthread_cond_broadcast(&d->moved));
    must(pthread_mutex_unlock(&d->lock));
    return rc;
}

/* --- the readers' side --- */

/* The file is whole and has its name, or the transfer has failed for good. */
static ssize_t read_ended(DownloadReader *r, void *buf, size_t n, Err *err)
{
    Download *d = r->d;
    cleanup_close int fd = -1;
    size_t got;

    if (d->failed) {
        *err = d->err;
        return -1;
    }
    TRY(store_open_blob(d->b->store, &d->layer.desc.digest, &fd, NULL, err));
    TRY(fd_pread_full(fd, buf, n, r->at, &got, err));
    r->at += got;
    return (ssize_t)got;
}

static ssize_t read_growing(Reader *self, void *buf, size_t n, Err *err)
{
    DownloadReader *r = (DownloadReader *)self;
    Download *d = r->d;
    size_t want = n < IO_BLOCK ? n : IO_BLOCK, got = 0;
    bool ended;
    int rc = 0;

    must(pthread_mutex_lock(&d->lock));
    while (!d->ended && (d->fd < 0 || d->size < r->at + want))
        must(pthread_cond_wait(&d->moved, &d->lock));
    ended = d->ended;
    if (!ended) /* with the lock held: the file may be emptied and begun anew */
        rc = fd_pread_full(d->fd, buf, want, r->at, &got, err);
    must(pthread_mutex_unlock(&d->lock));
    if (ended)
        return read_ended(r, buf, n, err);
    TRY(rc);
    r->at += got;
    return (ssize_t)got;
}

DownloadReader download_reader(Download *d)
{
    return (DownloadReader){.r = {read_growing}, .d = d};
}

/* --- life cycle --- */

static Download *find(const Builder *b, const Digest *d)
{
    vec_foreach(x, &b->downloads)
        if (digest_eq(&(*x)->layer.desc.digest, d))
            return *x;
    return NULL;
}

void download_begin(Builder *b, const ImageLayer *l)
{
    Download *d;

    if (find(b, &l->desc.digest) || store_has(b->store, &l->desc.digest, NULL))
        return;
    d = arena_new(&b->arena, Download);
    *d = (Download){.b = b, .layer = *l, .fd = -1};
    d->events = (RegistryEvents){.begin = on_begin, .bytes = on_bytes, .ctx = d};
    must(pthread_mutex_init(&d->lock, NULL));
    must(pthread_cond_init(&d->moved, NULL));
    d->task = pool_submit(b->net, download, d);
    vec_push(&b->downloads, d);
}

bool download_was_begun(const Builder *b, const Digest *d)
{
    return find(b, d) != NULL;
}

Download *download_find(const Builder *b, const Digest *digest)
{
    Download *d = find(b, digest);

    return d && d->task && !task_done(d->task) ? d : NULL;
}

static void await_end(Download *d)
{
    must(pthread_mutex_lock(&d->lock));
    while (!d->ended)
        must(pthread_cond_wait(&d->moved, &d->lock));
    must(pthread_mutex_unlock(&d->lock));
}

bool download_was_wrong(const Builder *b, const Digest *digest)
{
    Download *d = find(b, digest);

    if (!d)
        return false;
    await_end(d);
    return d->restarted || (d->failed && d->err.kind == ERR_DIGEST);
}

void downloads_note_damage(Builder *b)
{
    vec_foreach(d, &b->downloads) {
        await_end(*d);
        if ((*d)->failed)
            damage_note(b, &(*d)->layer, &(*d)->err);
    }
}

void downloads_done(Builder *b)
{
    Err ignored;

    vec_foreach(d, &b->downloads) {
        (void)!task_join((*d)->task, &ignored);
        (void)pthread_cond_destroy(&(*d)->moved);
        (void)pthread_mutex_destroy(&(*d)->lock);
    }
    vec_done(&b->downloads);
}
