/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/prune.h"

#include <fcntl.h>

#include "cache/digests.h"
#include "cache/dir.h"
#include "cache/inventory.h"
#include "cache/key.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/walk.h"
#include "sandbox/sandbox.h"

typedef struct Prune {
    const PruneOpts *o;
    Inventory v;
    PruneReport report;
} Prune;

static void not_removed(Prune *p, const Err *why)
{
    if (p->report.why_not.kind == ERR_NONE)
        p->report.why_not = *why;
}

static bool remove_file(Prune *p, int dirfd, const char *name)
{
    Err err;

    if (unlinkat(dirfd, name, 0) == 0)
        return true;
    (void)err_sys(&err, "%s", name);
    not_removed(p, &err);
    return false;
}

static void remove_blob(Prune *p, HeldBlob *b)
{
    if (b->removed || !remove_file(p, p->v.blobs_fd, b->name.p))
        return;
    b->removed = true;
    p->v.bytes -= b->size;
    p->report.bytes += b->size;
    p->report.blobs++;
}

static void remove_entry(Prune *p, const HeldEntry *e)
{
    if (!remove_file(p, p->v.cache_fd, e->name.p))
        return;
    p->report.entries++;
    if (e->layer && --e->layer->users == 0 && !e->layer->listed)
        remove_blob(p, e->layer);
}

static bool has_to_go(const Prune *p, int64_t used_ns)
{
    const PruneOpts *o = p->o;

    return o->keep_bytes == 0 || p->v.bytes > o->keep_bytes ||
           (o->unused_ns && o->now_ns - used_ns > o->unused_ns);
}

static int blob_age(const void *a, const void *b)
{
    const HeldBlob *const *x = a, *const *y = b;

    return ((*x)->used_ns > (*y)->used_ns) - ((*x)->used_ns < (*y)->used_ns);
}

static int entry_age(const void *a, const void *b)
{
    const HeldEntry *x = a, *y = b;

    return (x->used_ns > y->used_ns) - (x->used_ns < y->used_ns);
}

static int other_age(const void *a, const void *b)
{
    const Held *x = a, *y = b;

    return (x->used_ns > y->used_ns) - (x->used_ns < y->used_ns);
}

/* 1; or 0: another build has it locked, or something is mounted in it. */
static int try_remove_mount(Prune *p, Str mount, Err *err)
{
    cleanup_close int lock = -1;
    Str path =
        str_fmt_in(&p->v.arena, "%s/cache-mounts/" STR_FMT ".lock", p->o->kiln_dir, STR_ARG(mount));
    int got, rest;

    TRY(got = lock_file_try(path.p, LOCK_EXCLUSIVE, &lock, err));
    if (got == 0)
        return 0;
    TRY(rest = dir_remove_all(p->v.mounts_fd, mount.p, err));
    if (rest)
        return 0;
    (void)unlink(path.p); /* whoever waits for it looks whether it is still there (os/lock.h) */
    return 1;
}

static bool remove_mount(Prune *p, Str mount)
{
    Err err;
    int done = try_remove_mount(p, mount, &err);

    if (done < 0)
        not_removed(p, &err);
    p->report.mounts += done > 0;
    return done > 0;
}

static void remove_other(Prune *p, const Held *o)
{
    if (!(o->mount.n ? remove_mount(p, o->mount)
                     : remove_file(p, AT_FDCWD, inventory_digests(&p->v).p)))
        return;
    p->v.bytes -= o->size;
    p->report.bytes += o->size;
}

static bool is_lock(Str name)
{
    return str_ends(name, S(".lock"));
}

/* Nobody holds it, and whoever waits for it looks whether it is still there (os/lock.h). */
static void remove_lock(const char *path)
{
    cleanup_close int lock = -1;
    Err ignored;

    if (lock_file_try(path, LOCK_EXCLUSIVE, &lock, &ignored) == 1)
        (void)unlink(path);
}

/*
 * cache-mounts/KEY without a directory in it: locks that nobody holds, then KEY itself. A build that
 * is about to lock something there makes it again.
 */
static void remove_key(Prune *p, const char *key)
{
    cleanup_close int fd = -1;
    cleanup_dir_list DirList names = {0};
    Err ignored;

    fd = dir_open_at(p->v.mounts_fd, key, &ignored);
    if (fd < 0 || dir_list(fd, &names, &ignored) < 0)
        return;
    for (size_t i = 0; i < names.n; i++)
        if (!is_lock(str_from(names.v[i].name)))
            return;
    for (size_t i = 0; i < names.n; i++)
        remove_lock(
            str_fmt_in(&p->v.arena, "%s/cache-mounts/%s/%s", p->o->kiln_dir, key, names.v[i].name)
                .p);
    (void)unlinkat(p->v.mounts_fd, key, AT_REMOVEDIR);
}

static void remove_keys(Prune *p)
{
    cleanup_dir_list DirList keys = {0};
    Err ignored;

    if (p->v.mounts_fd < 0 || dir_list(p->v.mounts_fd, &keys, &ignored) < 0)
        return;
    for (size_t i = 0; i < keys.n; i++)
        remove_key(p, keys.v[i].name);
}

/* Both lists from their oldest on, so that age alone decides which of the two goes. */
static void remove_used(Prune *p)
{
    size_t at = 0;

    vec_foreach(e, &p->v.entries) {
        for (; at < p->v.others.n && p->v.others.v[at].used_ns <= e->used_ns; at++)
            if (has_to_go(p, p->v.others.v[at].used_ns))
                remove_other(p, &p->v.others.v[at]);
        if (e->broken || has_to_go(p, e->used_ns))
            remove_entry(p, e);
    }
    for (; at < p->v.others.n; at++)
        if (has_to_go(p, p->v.others.v[at].used_ns))
            remove_other(p, &p->v.others.v[at]);
}

/* ".NAME.RANDOM", as os/file.h calls what is going to be NAME. */
static bool is_unfinished(Str file, size_t name_n)
{
    static const char digits[] = "0123456789abcdef";

    return file.n == 1 + name_n + 1 + 16 && file.p[0] == '.' && file.p[1 + name_n] == '.' &&
           strspn(file.p + file.n - 16, digits) == 16;
}

/* 'name': NULL = any of so many bytes. */
static void remove_unfinished(int fd, const char *name, size_t name_n)
{
    cleanup_dir_list DirList files = {0};
    Err ignored;

    if (fd < 0 || dir_list(fd, &files, &ignored) < 0)
        return;
    for (size_t i = 0; i < files.n; i++) {
        const char *file = files.v[i].name;

        if (is_unfinished(str_from(file), name_n) && (!name || memcmp(file + 1, name, name_n) == 0))
            (void)unlinkat(fd, file, 0);
    }
}

static void remove_temporary(Prune *p)
{
    cleanup_close int dir = open(p->o->kiln_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    remove_unfinished(dir, DIGESTS_NAME, strlen(DIGESTS_NAME));
    remove_unfinished(p->v.cache_fd, NULL, CACHE_KEY_TEXT);
    if (p->v.store_fd >= 0)
        store_sweep_idle(p->v.store_fd);
    sandbox_remove_stale(p->o->kiln_dir);
}

static void remove_all(Prune *p)
{
    if (p->v.blobs.n)
        qsort(p->v.blobs.v, p->v.blobs.n, sizeof(*p->v.blobs.v), blob_age);
    if (p->v.entries.n)
        qsort(p->v.entries.v, p->v.entries.n, sizeof(*p->v.entries.v), entry_age);
    vec_foreach(b, &p->v.blobs)
        if ((*b)->users == 0 && !(*b)->listed && has_to_go(p, (*b)->used_ns))
            remove_blob(p, *b);
    if (p->v.others.n)
        qsort(p->v.others.v, p->v.others.n, sizeof(*p->v.others.v), other_age);
    remove_used(p);
    remove_keys(p);
    remove_temporary(p);
}

static void prune_done(Prune *p)
{
    inventory_done(&p->v);
}

int cache_prune(const PruneOpts *o, PruneReport *ret, Err *err)
{
    cleanup_with(prune_done) Prune p = {.o = o, .v = INVENTORY_INIT};
    cleanup_close int lock = -1;
    int locked;

    *ret = (PruneReport){0};
    if (access(o->kiln_dir, F_OK) < 0)
        return err_sys(err, "%s", o->kiln_dir);
    TRY(locked = cache_dir_lock_alone(o->kiln_dir, o->wait, &lock, err));
    if (!locked)
        return 0;
    TRY(inventory_take(&p.v, o->kiln_dir, err));
    remove_all(&p);
    p.report.kept_bytes = p.v.bytes;
    *ret = p.report;
    return 0;
}
