/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One small file an entry, so that looking one up costs an open and nothing grows with their
 * number. A file's time is that of its last use: what has not been used for longest is pruned
 * first.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "cache/kinds.h"
#include "os/file.h"

static int open_local(CacheRepo *r, bool write, Err *err)
{
    const char *dir = str_fmt_in(&r->arena, "%s/cache", r->base.kiln_dir).p;

    r->name = str_from(dir);
    if (write)
        TRY(dir_make_all(AT_FDCWD, dir, 0700, err));
    r->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->dir_fd < 0 && errno != ENOENT)
        return err_sys(err, "open %s", dir);
    return 0;
}

static int find_local(CacheRepo *r, const CacheKey *key, Buf *ret, Err *err)
{
    if (r->dir_fd < 0)
        return 0;
    if (file_read(r->dir_fd, key->text, ret, err) < 0)
        return err->kind == ERR_NOT_FOUND || err->kind == ERR_LIMIT ? 0 : -1;
    (void)utimensat(r->dir_fd, key->text, NULL, 0);
    return 1;
}

static int put_local(CacheRepo *r, const CacheWrite *w, Err *err)
{
    for (size_t i = 0; i < w->n_keys; i++)
        TRY(file_write_atomic(r->dir_fd, w->keys[i].text, 0600, w->manifest, err));
    return 0;
}

const CacheRepoKind cache_local = {"local", open_local, find_local, put_local, NULL, NULL, NULL};
