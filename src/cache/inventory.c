/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/inventory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "cache/digests.h"
#include "cache/key.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/walk.h"

enum {
    MOUNT_DEPTH = 256 /* of directories below one another */
};

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

static int find_blobs(Inventory *v, Err *err)
{
    cleanup_dir_list DirList names = {0};

    TRY(list(v->blobs_fd, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        struct stat st;
        HeldBlob *b;

        if (fstatat(v->blobs_fd, names.v[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode))
            continue;
        b = arena_new(&v->arena, HeldBlob);
        *b = (HeldBlob){.name = str_dup_in(&v->arena, str_from(names.v[i].name)),
                        .size = (uint64_t)st.st_size,
                        .used_ns = time_ns(st.st_mtim)};
        vec_push(&v->blobs, b);
        (void)map_set(&v->by_name, b->name, b);
        v->bytes += b->size;
    }
    return 0;
}

static HeldBlob *find_blob(const Inventory *v, const Digest *d)
{
    return map_find(&v->by_name, digest_hex(d));
}

/* The record of a build has no layer; everything else has one. */
static void read_entry(Inventory *v, const char *name, HeldEntry *ret)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    cleanup_arena Arena a = ARENA_INIT;
    Manifest m;
    Err err;

    ret->broken = file_read(v->cache_fd, name, &text, &err) < 0 ||
                  manifest_parse(&a, str_dup_in(&a, buf_str(&text)), &m, &err) < 0;
    if (ret->broken || m.n_layers == 0)
        return;
    ret->layer = find_blob(v, &m.layers[0].digest);
    ret->broken = !ret->layer;
}

static int find_entries(Inventory *v, Err *err)
{
    cleanup_dir_list DirList names = {0};

    TRY(list(v->cache_fd, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        struct stat st;
        HeldEntry e;

        if (strlen(names.v[i].name) != CACHE_KEY_TEXT ||
            fstatat(v->cache_fd, names.v[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        e = (HeldEntry){.name = str_dup_in(&v->arena, str_from(names.v[i].name)),
                        .used_ns = time_ns(st.st_mtim)};
        read_entry(v, names.v[i].name, &e);
        if (e.layer)
            e.layer->users++;
        vec_push(&v->entries, e);
    }
    return 0;
}

static void keep_blob(const Inventory *v, const Digest *d)
{
    HeldBlob *b = find_blob(v, d);

    if (b)
        b->listed = true;
}

/* An image that the store keeps under a name, and all that it consists of. */
static void keep_listed(Inventory *v, const Descriptor *d, unsigned depth)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_INDEX);
    cleanup_arena Arena a = ARENA_INIT;
    Manifest m;
    Index x;
    Err err;
    Str json;

    keep_blob(v, &d->digest);
    if (depth > 4 || v->blobs_fd < 0 ||
        file_read(v->blobs_fd, digest_hex(&d->digest).p, &text, &err) < 0)
        return;
    json = str_dup_in(&a, buf_str(&text));
    if (manifest_parse(&a, json, &m, &err) == 0) {
        keep_blob(v, &m.config.digest);
        for (size_t i = 0; i < m.n_layers; i++)
            keep_blob(v, &m.layers[i].digest);
    } else if (index_parse(&a, json, &x, &err) == 0) {
        for (size_t i = 0; i < x.n_manifests; i++)
            keep_listed(v, &x.manifests[i], depth + 1);
    }
}

static int find_images(Inventory *v, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_INDEX);
    cleanup_arena Arena a = ARENA_INIT;
    Index x;

    if (v->store_fd < 0)
        return 0;
    if (file_read(v->store_fd, "index.json", &text, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    TRY(index_parse(&a, str_dup_in(&a, buf_str(&text)), &x, err));
    for (size_t i = 0; i < x.n_manifests; i++)
        keep_listed(v, &x.manifests[i], 0);
    return 0;
}

/* --- what else there is --- */

static void add_other(Inventory *v, const Held *o)
{
    vec_push(&v->others, *o);
    v->bytes += o->size;
}

Str inventory_digests(Inventory *v)
{
    return str_fmt_in(&v->arena, "%s/" DIGESTS_NAME, v->dir.p);
}

static void find_digests(Inventory *v)
{
    struct stat st;
    Held o;

    if (lstat(inventory_digests(v).p, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    o = (Held){.size = (uint64_t)st.st_size, .used_ns = time_ns(st.st_mtim)};
    add_other(v, &o);
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
static int find_instances(Inventory *v, const char *key, Err *err)
{
    cleanup_close int fd = dir_open_at(v->mounts_fd, key, err);
    cleanup_dir_list DirList names = {0};

    if (fd < 0)
        return 0;
    TRY(list(fd, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        const char *name = names.v[i].name;
        Str lock = str_fmt_in(&v->arena, "%s.lock", name);
        struct stat st;
        Held m;

        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
            continue;
        (void)fstatat(fd, lock.p, &st, AT_SYMLINK_NOFOLLOW);
        m = (Held){.mount = str_fmt_in(&v->arena, "%s/%s", key, name),
                   .size = tree_bytes(fd, name, 0),
                   .used_ns = time_ns(st.st_mtim)};
        add_other(v, &m);
    }
    return 0;
}

static int find_mounts(Inventory *v, Err *err)
{
    cleanup_dir_list DirList keys = {0};

    TRY(list(v->mounts_fd, &keys, err));
    for (size_t i = 0; i < keys.n; i++)
        TRY(find_instances(v, keys.v[i].name, err));
    return 0;
}

/* --- all of it --- */

static int open_below(Inventory *v, const char *name)
{
    return open(str_fmt_in(&v->arena, STR_FMT "/%s", STR_ARG(v->dir), name).p,
                O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int inventory_take(Inventory *v, const char *kiln_dir, Err *err)
{
    v->dir = str_dup_in(&v->arena, str_from(kiln_dir));
    v->cache_fd = open_below(v, "cache");
    v->store_fd = open_below(v, "store");
    v->mounts_fd = open_below(v, "cache-mounts");
    v->blobs_fd = open_below(v, "store/blobs/sha256");
    TRY(find_blobs(v, err));
    TRY(find_entries(v, err));
    TRY(find_images(v, err));
    TRY(find_mounts(v, err));
    find_digests(v);
    return 0;
}

void inventory_done(Inventory *v)
{
    close_at(&v->cache_fd);
    close_at(&v->blobs_fd);
    close_at(&v->store_fd);
    close_at(&v->mounts_fd);
    map_done(&v->by_name);
    vec_done(&v->blobs);
    vec_done(&v->entries);
    vec_done(&v->others);
    arena_done(&v->arena);
}
