/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs never change, so two stores may share one file. Linking is tried first whenever the source
 * is believed; whatever forbids it (another file system, another owner, a link count at its end)
 * is answered by copying, and a copy is hashed like everything that enters a store.
 */
#include <fcntl.h>

#include "os/fd.h"
#include "store/internal.h"

static bool blob_link(Store *to, Store *from, const Digest *d)
{
    const char *name = digest_hex(d).p;

    if (from->foreign || from->blobs_fd < 0 || to->blobs_fd < 0)
        return false;
    return linkat(from->blobs_fd, name, to->blobs_fd, name, 0) == 0 || errno == EEXIST;
}

static int blob_copy(Store *to, Store *from, const Digest *d, Err *err)
{
    cleanup_with(blob_writer_free_at) BlobWriter *b = NULL;
    cleanup_close int fd = -1;
    uint64_t size;
    FdReader in;

    TRY(blob_open(from, d, &fd, &size, err));
    TRY(blob_writer_new(to, &b, err));
    in = fd_reader(fd);
    TRY(io_copy(&in.r, blob_writer(b), NULL, err));
    if (blob_writer_commit(b, d, size, NULL, NULL, err) < 0)
        return err_wrap(err, "blob %s in %s", d->text, from->dir);
    return 0;
}

int store_import(Store *to, Store *from, const Digest *d, Err *err)
{
    if (to->foreign)
        return err_set(err, ERR_USAGE, "%s was opened for reading only", to->dir);
    if (store_has(to, d, NULL))
        return 0;
    if (store_has(from, d, NULL) && blob_link(to, from, d))
        return 0;
    return blob_copy(to, from, d, err);
}

static bool is_sound(Store *s, const Digest *d, uint64_t size, bool hash)
{
    cleanup_close int fd = -1;
    uint64_t has;
    Digest is;
    Err ignored;

    if (blob_open(s, d, &fd, &has, &ignored) < 0 || has != size)
        return false;
    return !hash || (blob_hash(fd, &is, &ignored) == 0 && digest_eq(&is, d));
}

int store_mend(Store *to, Store *from, const Digest *d, uint64_t size, bool hash, Err *err)
{
    if (!to->foreign && store_has(to, d, NULL) && !is_sound(to, d, size, hash))
        return blob_copy(to, from, d, err);
    return store_import(to, from, d, err);
}
