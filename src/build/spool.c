/* SPDX-License-Identifier: Apache-2.0 */
#include "build/spool.h"

#include <fcntl.h>

#include "base/limits.h"
#include "layer/apply.h"

int spool_open(Store *s, Spool *ret, Err *err)
{
    return store_temp_dir(s, &ret->dir, err);
}

void spool_done(Spool *s)
{
    temp_free(s->dir);
    s->dir = NULL;
}

static void file_path(const Spool *s, uint32_t id, uint64_t offset, Buf *ret)
{
    buf_addf(ret, "%s/%u-%llu", temp_path(s->dir), id, (unsigned long long)offset);
}

typedef struct Extraction {
    const Spool *spool;
    uint32_t id;
    const uint64_t *offsets;
    size_t n;
    int fd; /* handed out last */
} Extraction;

static int by_value(const void *pa, const void *pb)
{
    uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;

    return (a > b) - (a < b);
}

static int want_file(void *ctx, uint64_t offset, int *ret_fd, Err *err)
{
    Extraction *x = ctx;
    cleanup_buf Buf path = BUF_INIT(LIMIT_PATH);

    if (!bsearch(&offset, x->offsets, x->n, sizeof(*x->offsets), by_value))
        return 0;
    file_path(x->spool, x->id, offset, &path);
    close_at(&x->fd);
    x->fd = open(buf_z(&path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (x->fd < 0)
        return err_sys(err, "create %s", buf_z(&path));
    *ret_fd = x->fd;
    return 1;
}

int spool_extract(Spool *s, Reader *archive, uint32_t id, uint64_t *offsets, size_t n, Err *err)
{
    Extraction x = {s, id, offsets, n, -1};
    int rc;

    qsort(offsets, n, sizeof(*offsets), by_value);
    rc = layer_extract(archive, want_file, &x, err);
    close_at(&x.fd);
    return rc;
}

int spool_file(const Spool *s, uint32_t id, uint64_t offset, OpenFile *ret, Err *err)
{
    cleanup_buf Buf path = BUF_INIT(LIMIT_PATH);
    int fd;

    file_path(s, id, offset, &path);
    fd = open(buf_z(&path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "open %s", buf_z(&path));
    *ret = (OpenFile){fd, 0};
    return 0;
}
