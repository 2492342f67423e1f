/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob on its way in: every block is hashed while it is hot in the cache, right before or after it
 * goes to the file, and the file gets its name only when the hash is right.
 *
 * The file is locked (flock) as long as its writer lives; that is how store_sweep() tells a file that
 * is being written from one that a crash left. Nothing is synced: after a power cut a build starts
 * over, and a blob that the cut tore is found by whoever reads it again with verification.
 */
#include <assert.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "codec/sha256.h"
#include "os/fd.h"
#include "os/temp.h"
#include "store/internal.h"

struct BlobWriter {
    Writer w;
    Store *store;
    Temp *temp;
    Sha256 *hash;
    int fd;
    _Atomic uint64_t size; /* grows after the bytes are in the file: others may read up to here */
    bool committed;
};

static BlobWriter *from_writer(Writer *w)
{
    return (BlobWriter *)w;
}

static int blob_write(Writer *self, const void *buf, size_t n, Err *err)
{
    BlobWriter *b = from_writer(self);
    const char *p = buf;

    while (n > 0) {
        size_t part = n < IO_BLOCK ? n : IO_BLOCK;

        if (fd_write_all(b->fd, p, part, err) < 0)
            return err_wrap(err, "store %s", b->store->dir);
        sha256_update(b->hash, p, part);
        atomic_fetch_add_explicit(&b->size, part, memory_order_release);
        p += part;
        n -= part;
    }
    return 0;
}

int blob_writer_new(Store *s, BlobWriter **ret, Err *err)
{
    cleanup_with(blob_writer_free_at) BlobWriter *b = NEW(BlobWriter);

    *b = (BlobWriter){.w = {blob_write}, .store = s, .fd = -1, .hash = sha256_new()};
    TRY(store_temp(s, "blob", &b->temp, &b->fd, err));
    (void)flock(b->fd, LOCK_SH | LOCK_NB); /* without locks there, the sweep goes by age alone */
    *ret = steal_ptr(&b);
    return 0;
}

Writer *blob_writer(BlobWriter *b)
{
    return &b->w;
}

int blob_writer_fd(BlobWriter *b)
{
    return b->fd;
}

uint64_t blob_writer_size(BlobWriter *b)
{
    return atomic_load_explicit(&b->size, memory_order_acquire);
}

int blob_writer_restart(BlobWriter *b, Err *err)
{
    unsigned char dropped[SHA256_BYTES];

    if (ftruncate(b->fd, 0) < 0 || lseek(b->fd, 0, SEEK_SET) < 0)
        return err_sys(err, "store %s: empty %s", b->store->dir, temp_path(b->temp));
    sha256_final(b->hash, dropped);
    atomic_store(&b->size, 0);
    return 0;
}

/* Over whatever is there: should that be damaged, this mends it. */
static int blob_rename(BlobWriter *b, const Digest *d, Err *err)
{
    cleanup_buf Buf path = BUF_INIT(BUF_SMALL);

    /* Temporary files are private; blobs are for every user of the directory. */
    if (fchmod(b->fd, 0644) < 0)
        return err_sys(err, "chmod %s", temp_path(b->temp));
    buf_addf(&path, "%s/" STORE_BLOBS "/" STR_FMT, b->store->dir, STR_ARG(digest_hex(d)));
    return temp_commit(b->temp, buf_z(&path), err);
}

int blob_writer_commit(BlobWriter *b, const Digest *want, uint64_t want_size, Digest *ret,
                       uint64_t *ret_size, Err *err)
{
    uint64_t size = blob_writer_size(b);
    unsigned char sum[SHA256_BYTES];
    Digest is;

    assert(!b->committed);
    sha256_final(b->hash, sum);
    is = digest_from_sha256(sum);
    if (want_size != UINT64_MAX && size != want_size)
        return err_set(err, ERR_DIGEST, "content is %ju bytes, want %ju", (uintmax_t)size,
                       (uintmax_t)want_size);
    if (want && !digest_eq(want, &is))
        return err_set(err, ERR_DIGEST, "content is %s, want %s", is.text, want->text);
    if (blob_rename(b, &is, err) < 0)
        return err_wrap(err, "store %s", b->store->dir);
    b->committed = true;
    if (ret)
        *ret = is;
    if (ret_size)
        *ret_size = size;
    return 0;
}

void blob_writer_free(BlobWriter *b)
{
    if (!b)
        return;
    close_at(&b->fd);
    temp_free(b->temp);
    sha256_free(b->hash);
    free(b);
}
