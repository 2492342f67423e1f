/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name of a blob is the promise of its content, so nothing is locked to read or to add one:
 * two writers of one blob rename equal files over each other. The lock, on the file oci-layout,
 * guards index.json alone.
 *
 * A store that kiln opened for writing is believed: its blobs were hashed on their way in. A layout
 * that was opened read-only may have been made by anyone; there every blob is hashed when it is
 * first opened, and again when the file has changed since.
 */
#include "store/store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "codec/sha256.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/temp.h"
#include "store/internal.h"

#define LAYOUT_CONTENT "{\"imageLayoutVersion\":\"1.0.0\"}"

/* ctime cannot be set back: equal stamps mean equal bytes. */
typedef struct BlobStamp {
    ino_t ino;
    off_t size;
    struct timespec ctime;
} BlobStamp;

void store_free(Store *s)
{
    if (!s)
        return;
    if (s->fd >= 0 && !s->foreign)
        (void)unlinkat(s->fd, STORE_TMP, AT_REMOVEDIR); /* unless somebody writes there */
    close_at(&s->fd);
    close_at(&s->blobs_fd);
    map_done(&s->verified);
    arena_done(&s->stamps);
    (void)pthread_mutex_destroy(&s->mutex);
    free(s->dir);
    free(s->tmp);
    free(s->mark);
    free(s);
}

const char *store_dir(const Store *s)
{
    return s->dir;
}

static char *path_under(const char *dir, const char *name)
{
    Buf b = BUF_INIT(BUF_SMALL);

    buf_addf(&b, "%s/%s", dir, name);
    return buf_take(&b);
}

int store_attach(const char *dir, bool foreign, Store **ret, Err *err)
{
    cleanup_with(store_free_at) Store *s = NEW(Store);

    s->fd = s->blobs_fd = -1;
    s->foreign = foreign;
    (void)pthread_mutex_init(&s->mutex, NULL);
    s->dir = realpath(dir, NULL);
    if (!s->dir)
        return err_sys(err, "%s", dir);
    s->tmp = path_under(s->dir, STORE_TMP);
    s->mark = path_under(s->dir, STORE_MARK);
    s->fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->fd < 0)
        return err_sys(err, "open %s", s->dir);
    s->blobs_fd = openat(s->fd, STORE_BLOBS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->blobs_fd < 0 && errno != ENOENT)
        return err_sys(err, "open %s/" STORE_BLOBS, s->dir);
    *ret = steal_ptr(&s);
    return 0;
}

/* Everything that makes a directory a layout, where it is missing. */
static int layout_make(const char *dir, Err *err)
{
    cleanup_close int fd = -1;

    TRY(dir_make_all(AT_FDCWD, dir, 0755, err));
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "open");
    TRY(dir_make_all(fd, STORE_BLOBS, 0755, err));
    if (faccessat(fd, STORE_MARK, F_OK, 0) < 0)
        TRY(file_write_new(fd, STORE_MARK, 0644, S(LAYOUT_CONTENT), err));
    return layout_check_version(fd, dir, err);
}

int store_open(const char *dir, Store **ret, Err *err)
{
    cleanup_with(store_free_at) Store *s = NULL;

    if (layout_make(dir, err) < 0 || store_attach(dir, false, &s, err) < 0 ||
        layout_ensure_index(s, err) < 0)
        return err_wrap(err, "store %s", dir);
    store_sweep(s);
    *ret = steal_ptr(&s);
    return 0;
}

static bool blob_stat(Store *s, const Digest *d, struct stat *ret)
{
    return digest_is_set(d) && s->blobs_fd >= 0 &&
           fstatat(s->blobs_fd, digest_hex(d).p, ret, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(ret->st_mode);
}

bool store_has(Store *s, const Digest *d, uint64_t *ret_size)
{
    struct stat st;

    if (!blob_stat(s, d, &st))
        return false;
    if (ret_size)
        *ret_size = (uint64_t)st.st_size;
    return true;
}

/* A layout from outside may hold links and fifos under its names: neither is followed or waited for. */
int blob_open(Store *s, const Digest *d, int *ret_fd, uint64_t *ret_size, Err *err)
{
    cleanup_close int fd = -1;
    struct stat st;

    if (s->blobs_fd < 0 || !digest_is_set(d))
        return err_set(err, ERR_NOT_FOUND, "blob %s is not in %s", d->text, s->dir);
    fd = openat(s->blobs_fd, digest_hex(d).p, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "blob %s is not in %s", d->text, s->dir);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, "open blob %s in %s", d->text, s->dir);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_FORMAT, "blob %s in %s is no regular file", d->text, s->dir);
    *ret_fd = steal_fd(&fd);
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

int blob_hash(int fd, Digest *ret, Err *err)
{
    cleanup_with(sha256_free_at) Sha256 *hash = sha256_new();
    cleanup_free char *block = NEW_N(char, IO_BLOCK);
    unsigned char sum[SHA256_BYTES];
    size_t n;

    for (uint64_t at = 0;; at += n) {
        TRY(fd_pread_full(fd, block, IO_BLOCK, at, &n, err));
        if (n == 0)
            break;
        sha256_update(hash, block, n);
    }
    sha256_final(hash, sum);
    *ret = digest_from_sha256(sum);
    return 0;
}

static int damaged(Store *s, const Digest *d, const Digest *is, Err *err)
{
    return err_set(err, ERR_DIGEST, "blob %s in %s is damaged: its content is %s", d->text, s->dir,
                   is->text);
}

static BlobStamp stamp_of(const struct stat *st)
{
    return (BlobStamp){.ino = st->st_ino, .size = st->st_size, .ctime = st->st_ctim};
}

static bool stamp_known(Store *s, const Digest *d, const BlobStamp *now)
{
    const BlobStamp *was;
    bool same;

    (void)pthread_mutex_lock(&s->mutex);
    was = map_find(&s->verified, digest_hex(d));
    same = was && was->ino == now->ino && was->size == now->size &&
           was->ctime.tv_sec == now->ctime.tv_sec && was->ctime.tv_nsec == now->ctime.tv_nsec;
    (void)pthread_mutex_unlock(&s->mutex);
    return same;
}

static void stamp_remember(Store *s, const Digest *d, const BlobStamp *now)
{
    BlobStamp *copy;

    (void)pthread_mutex_lock(&s->mutex);
    copy = arena_new(&s->stamps, BlobStamp);
    *copy = *now;
    (void)map_set(&s->verified, digest_hex(d), copy);
    (void)pthread_mutex_unlock(&s->mutex);
}

/* The stamp is taken before the bytes are read: a change meanwhile makes it stale, not wrong. */
static int blob_verify(Store *s, const Digest *d, int fd, Err *err)
{
    struct stat st;
    BlobStamp now;
    Digest is;

    if (fstat(fd, &st) < 0)
        return err_sys(err, "stat blob %s in %s", d->text, s->dir);
    now = stamp_of(&st);
    if (stamp_known(s, d, &now))
        return 0;
    if (blob_hash(fd, &is, err) < 0)
        return err_wrap(err, "blob %s in %s", d->text, s->dir);
    if (!digest_eq(d, &is))
        return damaged(s, d, &is, err);
    stamp_remember(s, d, &now);
    return 0;
}

int store_open_blob(Store *s, const Digest *d, int *ret_fd, uint64_t *ret_size, Err *err)
{
    cleanup_close int fd = -1;
    uint64_t size;

    TRY(blob_open(s, d, &fd, &size, err));
    if (s->foreign)
        TRY(blob_verify(s, d, fd, err));
    *ret_fd = steal_fd(&fd);
    if (ret_size)
        *ret_size = size;
    return 0;
}

int store_open_blob_unverified(Store *s, const Digest *d, int *ret_fd, Err *err)
{
    uint64_t size;

    return blob_open(s, d, ret_fd, &size, err);
}

int store_read_blob(Store *s, const Digest *d, Buf *ret, Err *err)
{
    cleanup_close int fd = -1;
    uint64_t size;
    size_t before = ret->n;
    FdReader in;
    Digest is;

    TRY(blob_open(s, d, &fd, &size, err));
    in = fd_reader(fd);
    if (reader_read_all(&in.r, ret, "it", err) < 0) {
        buf_truncate(ret, before);
        return err_wrap(err, "blob %s in %s", d->text, s->dir);
    }
    is = digest_of(str_skip(buf_str(ret), before));
    if (digest_eq(d, &is))
        return 0;
    buf_truncate(ret, before);
    return damaged(s, d, &is, err);
}

int store_put(Store *s, Str bytes, Digest *ret, Err *err)
{
    cleanup_with(blob_writer_free_at) BlobWriter *b = NULL;
    uint64_t size;

    TRY(blob_writer_new(s, &b, err));
    TRY(writer_write(blob_writer(b), bytes.p, bytes.n, err));
    return blob_writer_commit(b, NULL, UINT64_MAX, ret, &size, err);
}

/* Another process may remove the empty DIR/tmp between our two steps: then once more. */
int store_temp(Store *s, const char *prefix, struct Temp **ret, int *ret_fd, Err *err)
{
    if (s->foreign)
        return err_set(err, ERR_USAGE, "%s was opened for reading only", s->dir);
    for (int tries = 100; tries > 0; tries--) {
        int rc = dir_make_all(s->fd, STORE_TMP, 0755, err);

        if (rc == 0)
            rc = ret_fd ? temp_file(s->tmp, prefix, ret, ret_fd, err)
                        : temp_dir(s->tmp, prefix, ret, err);
        if (rc == 0)
            return 0;
        if (err->os_errno != ENOENT)
            break;
    }
    return err_wrap(err, "store %s", s->dir);
}

int store_temp_dir(Store *s, struct Temp **ret, Err *err)
{
    return store_temp(s, "spool", ret, NULL, err);
}
