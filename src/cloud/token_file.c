/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubelet renews a projected token by swapping a symlink beside it: TOKEN -> ..data/TOKEN, ..data ->
 * ..2026_11_25. So it is the directory that is kept open, and the name is looked up in it each time,
 * links within it followed. Such a directory is a mount, which stays where it is when a build
 * replaces '/'; one that is moved away is still the one we hold.
 */
#include <fcntl.h>

#include "base/limits.h"
#include "cloud/internal.h"
#include "os/chase.h"
#include "os/fd.h"

static int read_now(TokenFile *f, Buf *to, Err *err)
{
    cleanup_close int fd = chase_open(f->dir_fd, f->name, O_RDONLY, 0, err);
    FdReader r = fd_reader(fd);

    if (fd < 0)
        return -1;
    return reader_read_all(&r.r, to, f->path, err);
}

static int open_in(TokenFile *f, const char *path, Err *err)
{
    cleanup_free char *dir = xstrdup(path);
    char *slash = strrchr(dir, '/');

    close_at(&f->dir_fd);
    free(f->name);
    f->name = xstrdup(slash ? slash + 1 : path);
    if (slash)
        slash[slash == dir] = '\0';
    f->dir_fd = open(slash ? dir : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (f->dir_fd < 0)
        return err_sys(err, "open %s", slash ? dir : ".");
    buf_truncate(&f->last, 0);
    return read_now(f, &f->last, err);
}

void token_file_open(TokenFile *f, Str path)
{
    *f = (TokenFile){.dir_fd = -1, .last = BUF_INIT(LIMIT_TOKEN_BODY)};
    (void)pthread_mutex_init(&f->lock, NULL);
    if (path.n == 0)
        return;
    f->path = str_dup(path);
    if (open_in(f, f->path, &f->err) < 0) {
        /* a link that leads out of its directory: then it is that file */
        cleanup_free char *real = realpath(f->path, NULL);

        if (real && open_in(f, real, &f->err) == 0)
            f->err = (Err){0};
    }
}

void token_file_done(TokenFile *f)
{
    if (f->last.p)
        explicit_bzero(f->last.p, f->last.n);
    buf_done(&f->last);
    free_at(&f->path);
    free_at(&f->name);
    close_at(&f->dir_fd);
    (void)pthread_mutex_destroy(&f->lock);
}

static int read_locked(TokenFile *f, Arena *a, Str *ret, Err *err)
{
    Buf fresh = BUF_INIT(LIMIT_TOKEN_BODY);
    Err problem;

    if (f->err.kind != ERR_NONE) {
        *err = f->err;
        return err_wrap(err, "token file %s", f->path);
    }
    if (read_now(f, &fresh, &problem) == 0 && str_trim(buf_str(&fresh)).n) {
        buf_done(&f->last);
        f->last = fresh;
    } else {
        buf_done(&fresh);
    }
    *ret = str_dup_in(a, str_trim(buf_str(&f->last)));
    if (ret->n == 0)
        return err_set(err, ERR_FORMAT, "token file %s is empty", f->path);
    return 0;
}

int token_file_read(TokenFile *f, Arena *a, Str *ret, Err *err)
{
    int r;

    (void)pthread_mutex_lock(&f->lock);
    r = read_locked(f, a, ret, err);
    (void)pthread_mutex_unlock(&f->lock);
    return r;
}
