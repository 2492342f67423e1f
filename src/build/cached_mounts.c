/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of RUN --mount=type=cache, out of caches and into them. A build never fails for one:
 * what cannot be restored begins empty, what cannot be written is not there the next time; both are
 * warned of.
 */
#include <fcntl.h>

#include "base/log.h"
#include "base/num.h"
#include "build/cache_mount.h"
#include "build/cached_internal.h"
#include "cache/mounts.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/signal.h"
#include "os/temp.h"

/* What a transfer needs besides the directory. */
typedef struct Transfer {
    MountPlace place;
    Temp *dir; /* of the scratch store: gone when kiln is, or swept by the next one */
    int fd;
} Transfer;

static void transfer_done(Transfer *t)
{
    close_at(&t->fd);
    store_free(t->place.scratch);
    temp_free(t->dir);
}

static int transfer_begin(Builder *b, CacheSource *with, Str mount, const char *dir, Transfer *t,
                          Err *err)
{
    t->place.repo = with->repo;
    t->place.key = mount_cache_key(mount, &b->build_platform);
    t->place.limit_bytes = b->req->cache_mounts_limit;
    t->place.pool = b->cpu;
    t->place.io = b->cache->pool;
    t->fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (t->fd < 0)
        return err_sys(err, "open %s", dir);
    t->place.dir_fd = t->fd;
    TRY(store_temp_dir(b->store, &t->dir, err));
    return store_open(temp_path(t->dir), &t->place.scratch, err);
}

/* --- out of a cache --- */

static int restore_from(Builder *b, CacheSource *from, const CacheMount *c, const char *dir,
                        Err *err)
{
    cleanup_with(transfer_done) Transfer t = {.fd = -1};
    RestoredMount r = {.from = from->repo};
    int found;

    t.place.may_chown = sandbox_may_chown(b->sandbox);
    TRY(transfer_begin(b, from, c->key, dir, &t, err));
    TRY(found = mount_cache_import(&t.place, &r.mark, err));
    if (!found)
        return 0;
    r.key = t.place.key;
    vec_push(&b->cache->restored, r);
    builder_note(b, "cache mount " STR_FMT ": %s from " STR_FMT, STR_ARG(c->id),
                 num_format_bytes(r.mark.report.bytes).z, STR_ARG(cache_repo_name(from->repo)));
    return 1;
}

/* Half of a directory is worse than none. */
static int give_up(Builder *b, CacheSource *from, const CacheMount *c, const char *dir,
                   const Err *why, Err *err)
{
    cleanup_close int fd = -1;

    TRY(signal_check(err));
    builder_warn(b,
                 "cache mount " STR_FMT " begins empty, it cannot be restored from " STR_FMT ": %s",
                 STR_ARG(c->id), STR_ARG(cache_repo_name(from->repo)), why->msg);
    vec_push(&b->cache->damaged, c->key);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "open %s", dir);
    TRY(dir_empty(fd, err));
    return 0;
}

int cached_mount_restore(Builder *b, const CacheMount *c, const char *dir, Err *err)
{
    if (!b->cache || !b->req->cache_mounts)
        return 0;
    vec_foreach(from, &b->cache->from) {
        int found;
        Err why;

        if (atomic_load(&(*from)->broken) || !cache_repo_keeps_blobs((*from)->repo))
            continue;
        found = restore_from(b, *from, c, dir, &why);
        if (found > 0)
            return 1;
        if (found < 0)
            TRY(give_up(b, *from, c, dir, &why, err));
    }
    return 0;
}

/* --- into a cache --- */

void cached_mount_used(Builder *b, const CacheMount *c)
{
    UsedMount used = {.id = c->id, .key = c->key, .dir = c->dir};

    if (!b->cache || !b->req->cache_mounts)
        return;
    used.may_chown = sandbox_may_chown(b->sandbox);
    vec_foreach(d, &b->cache->damaged)
        used.damaged = used.damaged || str_eq(*d, c->key);
    vec_foreach(known, &b->cache->mounts) {
        if (!str_eq(known->key, c->key))
            continue;
        *known = used; /* of several private ones that which was used last */
        return;
    }
    vec_push(&b->cache->mounts, used);
}

/* How it came out of the repository that it goes into, or NULL. */
static const MountMark *mark_of(const Builder *b, const CacheSource *to, const CacheKey *key)
{
    vec_foreach(r, &b->cache->restored)
        if (cache_key_eq(&r->key, key) &&
            str_eq(cache_repo_name(r->from), cache_repo_name(to->repo)))
            return &r->mark;
    return NULL;
}

/* The manifest was refused, perhaps for chunks that are not there any more. */
static bool is_about_chunks(const Err *err)
{
    return err->kind == ERR_NOT_FOUND ||
           (err->kind == ERR_HTTP && !http_status_is_temporary(err->http_status));
}

static int export_to(Builder *b, CacheSource *to, const UsedMount *m, MountReport *ret, Err *err)
{
    cleanup_with(transfer_done) Transfer t = {.fd = -1};
    bool trust = !m->damaged;

    t.place.id = m->id;
    t.place.may_chown = m->may_chown;
    TRY(transfer_begin(b, to, m->key, m->dir, &t, err));
    if (mount_cache_export(&t.place, trust, mark_of(b, to, &t.place.key), ret, err) == 0)
        return 0;
    if (!trust || !is_about_chunks(err))
        return -1;
    log_debug("cache mount " STR_FMT ": once more, with all chunks: %s", STR_ARG(m->id), err->msg);
    return mount_cache_export(&t.place, false, NULL, ret, err);
}

static void tell(const Builder *b, const CacheSource *to, const UsedMount *m, const MountReport *r)
{
    builder_note(b, "cache mount " STR_FMT ": %s in " STR_FMT ", %s sent", STR_ARG(m->id),
                 num_format_bytes(r->bytes).z, STR_ARG(cache_repo_name(to->repo)),
                 num_format_bytes(r->sent_bytes).z);
}

/* Somebody who has it for himself is going to write it when he is through. */
static void export_mount(Builder *b, const UsedMount *m)
{
    cleanup_close int lock = -1;
    Err err;
    int locked =
        lock_file_try(str_fmt_in(&b->arena, "%s.lock", m->dir).p, LOCK_SHARED, &lock, &err);

    if (locked == 0)
        builder_note(b, "cache mount " STR_FMT ": not kept, another build is using it",
                     STR_ARG(m->id));
    else if (locked < 0)
        builder_warn(b, "cache mount " STR_FMT " is not kept: %s", STR_ARG(m->id), err.msg);
    if (locked <= 0)
        return;
    vec_foreach(to, &b->cache->to) {
        MountReport report;

        if (!cache_repo_keeps_blobs((*to)->repo))
            continue;
        if (atomic_load(&(*to)->broken)) {
            (*to)->write.lost_mounts++;
        } else if (export_to(b, *to, m, &report, &err) == 0) {
            tell(b, *to, m, &report);
        } else if (cached_is_of_repository(&err)) {
            cached_source_failed(*to, &err);
            (*to)->write.lost_mounts++; /* told with all else */
        } else {
            builder_warn(b, "cache mount " STR_FMT " is not kept in " STR_FMT ": %s",
                         STR_ARG(m->id), STR_ARG(cache_repo_name((*to)->repo)), err.msg);
        }
    }
}

void cached_mounts_export(Builder *b)
{
    if (!b->cache)
        return;
    vec_foreach(m, &b->cache->mounts)
        if (!signal_caught())
            export_mount(b, m);
    b->cache->mounts.n = 0;
}
