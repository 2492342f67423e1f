/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/prune.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/map.h"
#include "cache/digests.h"
#include "cache/key.h"
#include "oci/manifest.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/walk.h"
#include "sandbox/sandbox.h"

enum {
    MOUNT_DEPTH = 256 /* of directories below one another */
};

typedef struct Blob {
    Str name; /* hexadecimal digits */
    uint64_t size;
    int64_t used_ns;
    unsigned users; /* entries that name it */
    bool listed;    /* by index.json, or by what that lists */
    bool removed;
} Blob;

typedef struct Entry {
    Str name;
    int64_t used_ns;
    Blob *layer; /* NULL: it has none */
    bool broken; /* it cannot be read, or its layer is not there */
} Entry;

/* A directory of RUN --mount=type=cache, or the digests of files. */
typedef struct Other {
    Str mount; /* cache-mounts/MOUNT, which is KEY/N; "" = the digests */
    uint64_t size;
    int64_t used_ns;
} Other;

typedef struct Prune {
    const PruneOpts *o;
    Arena arena;
    int cache_fd, blobs_fd, store_fd, mounts_fd; /* -1: not there */
    Map by_name;
    VEC(Blob *) blobs;
    VEC(Entry) entries;
    VEC(Other) others;
    uint64_t bytes;
    PruneReport report;
} Prune;

static Str lock_path(Arena *a, const char *kiln_dir)
{
    return str_fmt_in(a, "%s/lock", kiln_dir);
}

int cache_dir_open(const char *kiln_dir, Store **ret, int *ret_lock, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_close int lock = -1;

    TRY(dir_make_all(AT_FDCWD, kiln_dir, 0700, err));
    TRY(lock_file(lock_path(&a, kiln_dir).p, LOCK_SHARED, &lock, err));
    TRY(store_open(str_fmt_in(&a, "%s/store", kiln_dir).p, ret, err));
    *ret_lock = steal_fd(&lock);
    return 0;
}

/* --- what there is --- */

static int64_t time_ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int list(int fd, DirList *ret, Err *err)
{
    if (fd < 0)
        return 0;
    TRY(dir_list(fd, ret, err));
    dir_list_sort(ret);
    return 0;
}

static int find_blobs(Prune *p, Err *err)
{
    cleanup_dir_list DirList names = {0};

    TRY(list(p->blobs_fd, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        struct stat st;
        Blob *b;

        if (fstatat(p->blobs_fd, names.v[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode))
            continue;
        b = arena_new(&p->arena, Blob);
        *b = (Blob){.name = str_dup_in(&p->arena, str_from(names.v[i].name)),
                    .size = (uint64_t)st.st_size,
                    .used_ns = time_ns(st.st_mtim)};
        vec_push(&p->blobs, b);
        (void)map_set(&p->by_name, b->name, b);
        p->bytes += b->size;
    }
    return 0;
}

static Blob *find_blob(const Prune *p, const Digest *d)
{
    return map_find(&p->by_name, digest_hex(d));
}

/* The record of a build has no layer; everything else has one. */
static void read_entry(Prune *p, const char *name, Entry *ret)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    cleanup_arena Arena a = ARENA_INIT;
    Manifest m;
    Err err;

    ret->broken = file_read(p->cache_fd, name, &text, &err) < 0 ||
                  manifest_parse(&a, str_dup_in(&a, buf_str(&text)), &m, &err) < 0;
    if (ret->broken || m.n_layers == 0)
        return;
    ret->layer = find_blob(p, &m.layers[0].digest);
    ret->broken = !ret->layer;
}

static int find_entries(Prune *p, Err *err)
{
    cleanup_dir_list DirList names = {0};

    TRY(list(p->cache_fd, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        struct stat st;
        Entry e;

        if (strlen(names.v[i].name) != CACHE_KEY_TEXT ||
            fstatat(p->cache_fd, names.v[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        e = (Entry){.name = str_dup_in(&p->arena, str_from(names.v[i].name)),
                    .used_ns = time_ns(st.st_mtim)};
        read_entry(p, names.v[i].name, &e);
        if (e.layer)
            e.layer->users++;
        vec_push(&p->entries, e);
    }
    return 0;
}

static void keep_blob(const Prune *p, const Digest *d)
{
    Blob *b = find_blob(p, d);

    if (b)
        b->listed = true;
}

/* An image that the store keeps under a name, and all that it consists of. */
static void keep_listed(Prune *p, const Descriptor *d, unsigned depth)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_INDEX);
    cleanup_arena Arena a = ARENA_INIT;
    Manifest m;
    Index x;
    Err err;
    Str json;

    keep_blob(p, &d->digest);
    if (depth > 4 || p->blobs_fd < 0 ||
        file_read(p->blobs_fd, digest_hex(&d->digest).p, &text, &err) < 0)
        return;
    json = str_dup_in(&a, buf_str(&text));
    if (manifest_parse(&a, json, &m, &err) == 0) {
        keep_blob(p, &m.config.digest);
        for (size_t i = 0; i < m.n_layers; i++)
            keep_blob(p, &m.layers[i].digest);
    } else if (index_parse(&a, json, &x, &err) == 0) {
        for (size_t i = 0; i < x.n_manifests; i++)
            keep_listed(p, &x.manifests[i], depth + 1);
    }
}

static int find_images(Prune *p, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_INDEX);
    cleanup_arena Arena a = ARENA_INIT;
    Index x;

    if (p->store_fd < 0)
        return 0;
    if (file_read(p->store_fd, "index.json", &text, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    TRY(index_parse(&a, str_dup_in(&a, buf_str(&text)), &x, err));
    for (size_t i = 0; i < x.n_manifests; i++)
        keep_listed(p, &x.manifests[i], 0);
    return 0;
}

/* --- what else --- */

static void add_other(Prune *p, const Other *o)
{
    vec_push(&p->others, *o);
    p->bytes += o->size;
}

static Str digests_path(Prune *p)
{
    return str_fmt_in(&p->arena, "%s/" DIGESTS_NAME, p->o->kiln_dir);
}

static void find_digests(Prune *p)
{
    struct stat st;
    Other o;

    if (lstat(digests_path(p).p, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    o = (Other){.size = (uint64_t)st.st_size, .used_ns = time_ns(st.st_mtim)};
    add_other(p, &o);
}

/*
 * What a directory takes on disk. Commands have made it: nothing is followed, and below a depth
 * that no tool makes it is not looked into.
 */
static uint64_t tree_bytes(int dirfd, const char *name, unsigned depth)
{
    cleanup_dir_list DirList names = {0};
    cleanup_close int fd = -1;
    uint64_t total = 0;
    Err ignored;

    fd = dir_open_at(dirfd, name, &ignored);
    if (fd < 0 || dir_list(fd, &names, &ignored) < 0)
        return 0;
    for (size_t i = 0; i < names.n; i++) {
        struct stat st;

        if (fstatat(fd, names.v[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (!S_ISDIR(st.st_mode))
            total += (uint64_t)st.st_blocks * 512 / (st.st_nlink ? st.st_nlink : 1);
        else if (depth < MOUNT_DEPTH)
            total += tree_bytes(fd, names.v[i].name, depth + 1);
    }
    return total;
}

/* N, N.new, N.lock, ...: a directory's time is that of its lock. */
static int find_instances(Prune *p, const char *key, Err *err)
{
    cleanup_close int fd = dir_open_at(p->mounts_fd, key, err);
    cleanup_dir_list DirList names = {0};

    if (fd < 0)
        return 0;
    TRY(list(fd, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        const char *name = names.v[i].name;
        Str lock = str_fmt_in(&p->arena, "%s.lock", name);
        struct stat st;
        Other m;

        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
            continue;
        (void)fstatat(fd, lock.p, &st, AT_SYMLINK_NOFOLLOW);
        m = (Other){.mount = str_fmt_in(&p->arena, "%s/%s", key, name),
                    .size = tree_bytes(fd, name, 0),
                    .used_ns = time_ns(st.st_mtim)};
        add_other(p, &m);
    }
    return 0;
}

static int find_mounts(Prune *p, Err *err)
{
    cleanup_dir_list DirList keys = {0};

    TRY(list(p->mounts_fd, &keys, err));
    for (size_t i = 0; i < keys.n; i++)
        TRY(find_instances(p, keys.v[i].name, err));
    return 0;
}

/* --- what goes --- */

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

static void remove_blob(Prune *p, Blob *b)
{
    if (b->removed || !remove_file(p, p->blobs_fd, b->name.p))
        return;
    b->removed = true;
    p->bytes -= b->size;
    p->report.bytes += b->size;
    p->report.blobs++;
}

static void remove_entry(Prune *p, const Entry *e)
{
    if (!remove_file(p, p->cache_fd, e->name.p))
        return;
    p->report.entries++;
    if (e->layer && --e->layer->users == 0 && !e->layer->listed)
        remove_blob(p, e->layer);
}

static bool has_to_go(const Prune *p, int64_t used_ns)
{
    const PruneOpts *o = p->o;

    return o->keep_bytes == 0 || p->bytes > o->keep_bytes ||
           (o->unused_ns && o->now_ns - used_ns > o->unused_ns);
}

static int blob_age(const void *a, const void *b)
{
    const Blob *const *x = a, *const *y = b;

    return ((*x)->used_ns > (*y)->used_ns) - ((*x)->used_ns < (*y)->used_ns);
}

static int entry_age(const void *a, const void *b)
{
    const Entry *x = a, *y = b;

    return (x->used_ns > y->used_ns) - (x->used_ns < y->used_ns);
}

static int other_age(const void *a, const void *b)
{
    const Other *x = a, *y = b;

    return (x->used_ns > y->used_ns) - (x->used_ns < y->used_ns);
}

/* 1; or 0: another build has it locked, or something is mounted in it. */
static int try_remove_mount(Prune *p, Str mount, Err *err)
{
    cleanup_close int lock = -1;
    Str path =
        str_fmt_in(&p->arena, "%s/cache-mounts/" STR_FMT ".lock", p->o->kiln_dir, STR_ARG(mount));
    int got, rest;

    TRY(got = lock_file_try(path.p, LOCK_EXCLUSIVE, &lock, err));
    if (got == 0)
        return 0;
    TRY(rest = dir_remove_all(p->mounts_fd, mount.p, err));
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

static void remove_other(Prune *p, const Other *o)
{
    if (!(o->mount.n ? remove_mount(p, o->mount) : remove_file(p, AT_FDCWD, digests_path(p).p)))
        return;
    p->bytes -= o->size;
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

    fd = dir_open_at(p->mounts_fd, key, &ignored);
    if (fd < 0 || dir_list(fd, &names, &ignored) < 0)
        return;
    for (size_t i = 0; i < names.n; i++)
        if (!is_lock(str_from(names.v[i].name)))
            return;
    for (size_t i = 0; i < names.n; i++)
        remove_lock(
            str_fmt_in(&p->arena, "%s/cache-mounts/%s/%s", p->o->kiln_dir, key, names.v[i].name).p);
    (void)unlinkat(p->mounts_fd, key, AT_REMOVEDIR);
}

static void remove_keys(Prune *p)
{
    cleanup_dir_list DirList keys = {0};
    Err ignored;

    if (list(p->mounts_fd, &keys, &ignored) < 0)
        return;
    for (size_t i = 0; i < keys.n; i++)
        remove_key(p, keys.v[i].name);
}

/* Both lists from their oldest on, so that age alone decides which of the two goes. */
static void remove_used(Prune *p)
{
    size_t at = 0;

    vec_foreach(e, &p->entries) {
        for (; at < p->others.n && p->others.v[at].used_ns <= e->used_ns; at++)
            if (has_to_go(p, p->others.v[at].used_ns))
                remove_other(p, &p->others.v[at]);
        if (e->broken || has_to_go(p, e->used_ns))
            remove_entry(p, e);
    }
    for (; at < p->others.n; at++)
        if (has_to_go(p, p->others.v[at].used_ns))
            remove_other(p, &p->others.v[at]);
}

static int open_dir(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Where a file is written beside the one that it takes the place of (os/file.h). */
static void remove_unfinished(int fd, const char *prefix)
{
    cleanup_dir_list DirList names = {0};
    Err ignored;

    if (list(fd, &names, &ignored) < 0)
        return;
    for (size_t i = 0; i < names.n; i++)
        if (strncmp(names.v[i].name, prefix, strlen(prefix)) == 0)
            (void)unlinkat(fd, names.v[i].name, 0);
}

static void remove_temporary(Prune *p)
{
    cleanup_close int fd = open_dir(p->o->kiln_dir);

    remove_unfinished(fd, "." DIGESTS_NAME ".");
    remove_unfinished(p->cache_fd, ".");
    if (p->store_fd >= 0)
        store_sweep_idle(p->store_fd);
    sandbox_remove_stale(p->o->kiln_dir);
}

static void remove_all(Prune *p)
{
    if (p->blobs.n)
        qsort(p->blobs.v, p->blobs.n, sizeof(*p->blobs.v), blob_age);
    if (p->entries.n)
        qsort(p->entries.v, p->entries.n, sizeof(*p->entries.v), entry_age);
    vec_foreach(b, &p->blobs)
        if ((*b)->users == 0 && !(*b)->listed && has_to_go(p, (*b)->used_ns))
            remove_blob(p, *b);
    if (p->others.n)
        qsort(p->others.v, p->others.n, sizeof(*p->others.v), other_age);
    remove_used(p);
    remove_keys(p);
    remove_temporary(p);
}

static void prune_done(Prune *p)
{
    close_at(&p->cache_fd);
    close_at(&p->blobs_fd);
    close_at(&p->store_fd);
    close_at(&p->mounts_fd);
    map_done(&p->by_name);
    vec_done(&p->blobs);
    vec_done(&p->entries);
    vec_done(&p->others);
    arena_done(&p->arena);
}

/* 1 when nobody else works there, 0 when somebody does. */
static int lock_dir(const PruneOpts *o, int *ret_fd, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    const char *path = lock_path(&a, o->kiln_dir).p;
    int locked = lock_file_try(path, LOCK_EXCLUSIVE, ret_fd, err);

    if (locked != 0 || o->only_if_idle)
        return locked;
    if (o->waits)
        o->waits(o->kiln_dir);
    TRY(lock_file(path, LOCK_EXCLUSIVE, ret_fd, err));
    return 1;
}

int cache_prune(const PruneOpts *o, PruneReport *ret, Err *err)
{
    cleanup_with(prune_done)
        Prune p = {.o = o, .cache_fd = -1, .blobs_fd = -1, .store_fd = -1, .mounts_fd = -1};
    cleanup_close int lock = -1;
    int locked;

    *ret = (PruneReport){0};
    if (access(o->kiln_dir, F_OK) < 0)
        return err_sys(err, "%s", o->kiln_dir);
    TRY(locked = lock_dir(o, &lock, err));
    if (!locked)
        return 0;
    p.cache_fd = open_dir(str_fmt_in(&p.arena, "%s/cache", o->kiln_dir).p);
    p.store_fd = open_dir(str_fmt_in(&p.arena, "%s/store", o->kiln_dir).p);
    p.mounts_fd = open_dir(str_fmt_in(&p.arena, "%s/cache-mounts", o->kiln_dir).p);
    p.blobs_fd = open_dir(str_fmt_in(&p.arena, "%s/store/blobs/sha256", o->kiln_dir).p);
    TRY(find_blobs(&p, err));
    TRY(find_entries(&p, err));
    TRY(find_images(&p, err));
    TRY(find_mounts(&p, err));
    find_digests(&p);
    remove_all(&p);
    p.report.kept_bytes = p.bytes;
    *ret = p.report;
    return 0;
}
