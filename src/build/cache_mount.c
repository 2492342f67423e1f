/* SPDX-License-Identifier: Apache-2.0 */
#include "build/cache_mount.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "codec/sha256.h"
#include "os/file.h"
#include "os/lock.h"

enum {
    CACHE_MODE = 0755,
    INSTANCES_MAX = 1000, /* of one private cache at the same time */
    TRIES_MAX = 100
};

static void hash_field(Sha256 *h, Str s)
{
    sha256_update(h, s.p, s.n);
    sha256_update(h, "", 1);
}

/* Everything that, when it differs, must not end up in the same directory. */
static Str cache_key(Arena *a, Str id, const RunMount *m)
{
    cleanup_with(sha256_free_at) Sha256 *h = sha256_new();
    unsigned char sum[SHA256_BYTES];
    char hex[SHA256_HEX + 1];

    hash_field(h, id);
    hash_field(h, m->from);
    hash_field(h, m->source);
    hash_field(h, str_fmt_in(a, "%u:%u:%o", m->uid, m->gid, m->has_mode ? m->mode : CACHE_MODE));
    sha256_final(h, sum);
    sha256_hex(sum, hex);
    return str_dup_in(a, str_from(hex));
}

typedef struct NewCache {
    const RunMount *m;
    bool may_chown;
    const CacheFill *fill;
} NewCache;

/* Mode and owner are given once: what a command makes of them stays. */
static int make_new(const NewCache *n, const CacheMount *c, const char *dir, Err *err)
{
    const RunMount *m = n->m;
    mode_t mode = m->has_mode ? m->mode & 07777 : CACHE_MODE;

    TRY(dir_remove_all(AT_FDCWD, dir, err));
    if (mkdir(dir, 0700) < 0)
        return err_sys(err, "make %s", dir);
    if (n->may_chown && chown(dir, m->uid, m->gid) < 0)
        return err_sys(err, "give %s to %u:%u", dir, m->uid, m->gid);
    if (chmod(dir, mode) < 0)
        return err_sys(err, "set the mode of %s", dir);
    TRY(n->fill->fill(n->fill->ctx, c, dir, err));
    return rename(dir, c->dir) < 0 ? err_sys(err, "rename %s", dir) : 0;
}

static int make_dir(Arena *a, const NewCache *n, const CacheMount *c, Err *err)
{
    const char *dir = str_fmt_in(a, "%s.new", c->dir).p;
    cleanup_close int lock = -1;
    Err ignored;

    if (access(c->dir, F_OK) == 0)
        return 0;
    TRY(lock_file(str_fmt_in(a, "%s.lock", dir).p, LOCK_EXCLUSIVE, &lock, err));
    if (access(c->dir, F_OK) == 0)
        return 0;
    if (make_new(n, c, dir, err) < 0) {
        (void)!dir_remove_all(AT_FDCWD, dir, &ignored);
        return -1;
    }
    return 0;
}

/* 1 when it is ours, 0 when it is busy and somebody wants one for himself. */
static int lock_instance(const RunMount *m, const char *path, CacheMount *c, Err *err)
{
    switch (m->sharing) {
    case MOUNT_SHARING_PRIVATE: return lock_file_try(path, LOCK_EXCLUSIVE, &c->lock_fd, err);
    case MOUNT_SHARING_LOCKED: TRY(lock_file(path, LOCK_EXCLUSIVE, &c->lock_fd, err)); return 1;
    case MOUNT_SHARING_SHARED:
    case MOUNT_SHARING_COUNT: break;
    }
    TRY(lock_file(path, LOCK_SHARED, &c->lock_fd, err));
    return 1;
}

static int open_instance(Arena *a, Str parent, const RunMount *m, CacheMount *c, Err *err)
{
    for (unsigned n = 0; n < INSTANCES_MAX; n++) {
        Str dir = str_fmt_in(a, STR_FMT "/%u", STR_ARG(parent), n);
        int got = lock_instance(m, str_fmt_in(a, STR_FMT ".lock", STR_ARG(dir)).p, c, err);

        TRY(got);
        if (got == 1) {
            c->dir = dir.p;
            return 0;
        }
    }
    return err_set(err, ERR_LIMIT, "the cache " STR_FMT " is used by too many builds",
                   STR_ARG(c->id));
}

/* Who cleans up may take KEY for empty, and remove it, until there is a lock in it. */
static int make_and_open(Arena *a, Str parent, const RunMount *m, CacheMount *c, Err *err)
{
    for (unsigned n = 1;; n++) {
        if (dir_make_all(AT_FDCWD, parent.p, 0711, err) == 0 &&
            open_instance(a, parent, m, c, err) == 0)
            return 0;
        if (err->os_errno != ENOENT || n == TRIES_MAX)
            return -1;
    }
}

void cache_mount_name(Arena *a, Str name_space, const RunMount *m, CacheMount *ret)
{
    *ret = (CacheMount){.id = m->id, .lock_fd = -1};
    if (name_space.n)
        ret->id = str_fmt_in(a, STR_FMT "/" STR_FMT, STR_ARG(name_space), STR_ARG(m->id));
    ret->key = cache_key(a, ret->id, m);
}

int cache_mount_open(Arena *a, const char *kiln_dir, const RunMount *m, bool may_chown,
                     const CacheFill *fill, CacheMount *c, Err *err)
{
    NewCache n = {m, may_chown, fill};
    Str parent = str_fmt_in(a, "%s/cache-mounts/" STR_FMT, kiln_dir, STR_ARG(c->key));

    TRY(make_and_open(a, parent, m, c, err));
    (void)futimens(c->lock_fd, NULL);
    return make_dir(a, &n, c, err);
}

void cache_mount_close(CacheMount *c)
{
    close_at(&c->lock_fd);
}
