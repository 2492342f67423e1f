/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image's digest says every byte of it, so an entry that is too old needs no download: it is
 * hashed, and its clock starts anew. What is damaged is made again beside it and takes its place.
 */
#include "cache/bases.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/limits.h"
#include "base/log.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/temp.h"
#include "os/walk.h"
#include "store/layout.h"

#define LOCKS       ".warmer-locks"
#define TEMP_PREFIX ".warming"

enum {
    TEMP_AGE_S = 24 * 3600 /* what a killed process left is removed after a day */
};

static Str entry_path(const BasesOpts *o, const Digest *manifest, Arena *a)
{
    return str_fmt_in(a, "%s/%s", o->dir, manifest->text);
}

static bool is_young(const BasesOpts *o, const struct stat *st)
{
    struct timespec now;
    int64_t age;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    age =
        (now.tv_sec - st->st_mtim.tv_sec) * INT64_C(1000000000) + now.tv_nsec - st->st_mtim.tv_nsec;
    return age <= o->ttl_ns;
}

/* --- what is in an entry --- */

static int read_manifest(Store *s, const Digest *manifest, Arena *a, Manifest *ret, Err *err)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);

    TRY(store_read_blob(s, manifest, &json, err));
    return manifest_parse(a, str_dup_in(a, buf_str(&json)), ret, err);
}

static int check_size(Store *s, const Descriptor *d, Err *err)
{
    uint64_t size;

    if (!store_has(s, &d->digest, &size))
        return err_set(err, ERR_NOT_FOUND, "%s is missing", d->digest.text);
    if (size != d->size)
        return err_set(err, ERR_DIGEST, "%s has %ju bytes, not %ju", d->digest.text,
                       (uintmax_t)size, (uintmax_t)d->size);
    return 0;
}

/* A store that was opened read-only hashes a blob before it hands it out. */
static int check_bytes(Store *s, const Descriptor *d, Err *err)
{
    cleanup_close int fd = -1;

    return store_open_blob(s, &d->digest, &fd, NULL, err);
}

/* Layers that are elsewhere by agreement are in no entry. */
static bool is_foreign(const Descriptor *d)
{
    return media_kind(d->media_type) == MEDIA_KIND_FOREIGN_LAYER;
}

typedef int CheckFn(Store *s, const Descriptor *d, Err *err);

static int check_entry(Store *s, const Digest *manifest, CheckFn *check, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Manifest m;

    TRY(read_manifest(s, manifest, &a, &m, err));
    TRY(check(s, &m.config, err));
    for (size_t i = 0; i < m.n_layers; i++)
        if (!is_foreign(&m.layers[i]))
            TRY(check(s, &m.layers[i], err));
    return 0;
}

static int open_entry(const char *path, const Digest *manifest, CheckFn *check, Store **ret,
                      Err *err)
{
    cleanup_with(store_free_at) Store *s = NULL;

    TRY(layout_open(path, &s, err));
    TRY(check_entry(s, manifest, check, err));
    *ret = steal_ptr(&s);
    return 0;
}

int bases_find(const BasesOpts *o, const Digest *manifest, Store **ret)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str path = entry_path(o, manifest, &a);
    struct stat st;
    Err err;

    if (stat(path.p, &st) < 0)
        return 0;
    if (!is_young(o, &st)) {
        log_debug("%s is older than --cache-ttl", path.p);
        return 0;
    }
    if (open_entry(path.p, manifest, check_size, ret, &err) < 0) {
        log_debug("%s is not used: %s", path.p, err.msg);
        return 0;
    }
    return 1;
}

/* --- making one --- */

typedef struct Fetch {
    Registry *registry;
    const Reference *ref;
    const Descriptor *blob;
    Store *to;
    Task *task;
} Fetch;

static int fetch_blob(void *arg, Err *err)
{
    const Fetch *f = arg;

    return registry_pull_blob(f->registry, f->ref, f->blob, f->to, NULL, err);
}

/* Whatever one of them says, all are waited for. */
static int join_all(Fetch *v, size_t n, Err *err)
{
    int rc = 0;

    for (size_t i = 0; i < n; i++) {
        Err mine;

        if (v[i].task && task_join(v[i].task, &mine) < 0 && rc == 0) {
            *err = mine;
            rc = -1;
        }
    }
    return rc;
}

static int fetch_image(Registry *r, const Reference *ref, const Manifest *m, Store *to, Pool *pool,
                       Err *err)
{
    cleanup_free Fetch *v = NEW_N(Fetch, m->n_layers + 1);
    size_t n = m->n_layers + 1;

    for (size_t i = 0; i < n; i++) {
        const Descriptor *d = i ? &m->layers[i - 1] : &m->config;

        v[i] = (Fetch){r, ref, d, to, NULL};
        if (!is_foreign(d))
            v[i].task = pool_submit(pool, fetch_blob, &v[i]);
    }
    return join_all(v, n, err);
}

typedef struct Source {
    Registry *registry;
    const Reference *ref;
    const Descriptor *desc;
    Str json; /* the manifest */
} Source;

static int fill_layout(const Source *from, const char *dir, Pool *pool, Err *err)
{
    cleanup_with(store_free_at) Store *s = NULL;
    cleanup_arena Arena a = ARENA_INIT;
    Manifest m;

    TRY(manifest_parse(&a, from->json, &m, err));
    TRY(store_open(dir, &s, err));
    TRY(fetch_image(from->registry, from->ref, &m, s, pool, err));
    TRY(store_put(s, from->json, NULL, err));
    return layout_reset(s, from->desc, reference_format(&a, from->ref), err);
}

static int make_entry(const BasesOpts *o, const Source *from, const char *path, Pool *pool,
                      Err *err)
{
    cleanup_with(temp_free_at) Temp *t = NULL;

    TRY(temp_dir(o->dir, TEMP_PREFIX, &t, err));
    TRY(fill_layout(from, temp_path(t), pool, err));
    if (chmod(temp_path(t), 0755) < 0)
        return err_sys(err, "chmod %s", temp_path(t));
    /* Whoever is reading the old one goes on from the registry. */
    TRY(dir_remove_all(AT_FDCWD, path, err));
    return temp_commit(t, path, err);
}

/* 1: what is there will do. */
static int keep_entry(const BasesOpts *o, const char *path, const Digest *manifest,
                      WarmOutcome *ret, Err *err)
{
    cleanup_with(store_free_at) Store *s = NULL;
    struct stat st;
    bool young;
    Err why;

    if (o->force || stat(path, &st) < 0)
        return 0;
    young = is_young(o, &st);
    if (open_entry(path, manifest, young ? check_size : check_bytes, &s, &why) < 0) {
        log_debug("%s is damaged and will be made anew: %s", path, why.msg);
        return 0;
    }
    if (!young && utimensat(AT_FDCWD, path, NULL, 0) < 0)
        return err_sys(err, "%s", path);
    *ret = young ? WARM_PRESENT : WARM_RENEWED;
    return 1;
}

static void sweep(const BasesOpts *o)
{
    cleanup_close int fd = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_dir_list DirList list = {0};
    time_t now = time(NULL);
    struct stat st;
    Err ignored;

    if (fd < 0 || dir_list(fd, &list, &ignored) < 0)
        return;
    for (size_t i = 0; i < list.n; i++) {
        const char *name = list.v[i].name;

        if (str_starts(str_from(name), S(TEMP_PREFIX ".")) &&
            fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && now - st.st_mtime > TEMP_AGE_S)
            (void)(dir_remove_all(fd, name, &ignored) < 0);
    }
}

static int lock_entry(const BasesOpts *o, const Digest *manifest, int *ret_fd, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;

    TRY(dir_make_all(AT_FDCWD, str_fmt_in(&a, "%s/" LOCKS, o->dir).p, 0755, err));
    return lock_file(str_fmt_in(&a, "%s/" LOCKS "/%s.lock", o->dir, manifest->text).p,
                     LOCK_EXCLUSIVE, ret_fd, err);
}

/* NOLINTNEXTLINE(readability-function-size): eight parameters, each a thing of its own */
int bases_warm(const BasesOpts *o, Registry *r, const Reference *ref, const Platform *platform,
               Pool *pool, Descriptor *ret, WarmOutcome *ret_outcome, Err *err)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_close int lock = -1;
    Descriptor desc;
    Str path;
    int there;

    TRY(registry_resolve(r, ref, platform, &desc, &json, &a, err));
    path = entry_path(o, &desc.digest, &a);
    TRY(lock_entry(o, &desc.digest, &lock, err));
    sweep(o);
    TRY(there = keep_entry(o, path.p, &desc.digest, ret_outcome, err));
    if (!there) {
        Source from = {r, ref, &desc, buf_str(&json)};

        TRY(make_entry(o, &from, path.p, pool, err));
        *ret_outcome = WARM_FETCHED;
    }
    ret->digest = desc.digest;
    ret->size = desc.size;
    return 0;
}
