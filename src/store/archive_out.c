/* SPDX-License-Identifier: Apache-2.0 */
#include "store/archive_out.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/path.h"

void archive_out_done(ArchiveOut *o)
{
    tar_writer_free(o->tar);
    if (!o->keep_open)
        close_at(&o->fd);
    temp_free(o->temp);
    free(o->path);
    *o = (ArchiveOut){.fd = -1};
}

static int open_temp(ArchiveOut *o, Err *err)
{
    Str dir, name;
    cleanup_free char *dir_z = NULL;

    if (!str_cut_last(str_from(o->path), '/', &dir, &name))
        dir = S(".");
    else if (dir.n == 0)
        dir = S("/");
    dir_z = str_dup(dir);
    return temp_file(dir_z, ".kiln-archive", &o->temp, &o->fd, err);
}

/* A single file that was mounted into our container: nothing can be renamed over it. */
static bool is_mount_point(const char *path)
{
    struct statx st;

    return statx(AT_FDCWD, path, 0, STATX_TYPE, &st) == 0 &&
           (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* What cannot be replaced by rename is written to as it is: a pipe, a device, a mounted file, a file in a
   directory where we may make no other. */
static int open_target(ArchiveOut *o, Err *err)
{
    struct stat st;

    if (strcmp(o->path, "-") == 0) {
        o->fd = STDOUT_FILENO;
        o->keep_open = true;
        return 0;
    }
    if (stat(o->path, &st) < 0)
        return open_temp(o, err);
    if (S_ISDIR(st.st_mode))
        return err_set(err, ERR_USAGE, "it is a directory");
    if (S_ISREG(st.st_mode) && !is_mount_point(o->path) && open_temp(o, err) == 0)
        return 0;
    o->fd = open(o->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    return o->fd < 0 ? err_sys(err, "open") : 0;
}

int archive_out_open(const char *dest, ArchiveOut *ret, Err *err)
{
    ArchiveOut o = {.fd = -1};

    o.path = strcmp(dest, "-") == 0 ? NULL : realpath(dest, NULL);
    if (!o.path)
        o.path = xstrdup(dest);
    if (open_target(&o, err) < 0) {
        archive_out_done(&o);
        return err_wrap(err, "archive %s", dest);
    }
    *ret = o;
    ret->file = fd_writer(o.fd);
    ret->tar = tar_writer_new(&ret->file.w);
    return 0;
}

int archive_out_dir(ArchiveOut *o, Str name, Err *err)
{
    const TarEntry e = {.type = TAR_DIR, .name = name, .mode = 0755};

    return tar_writer_entry(o->tar, &e, err);
}

static int begin_file(ArchiveOut *o, Str name, uint64_t size, Err *err)
{
    const TarEntry e = {.type = TAR_FILE, .name = name, .mode = 0644, .size = size};

    return tar_writer_entry(o->tar, &e, err);
}

int archive_out_file(ArchiveOut *o, Str name, Str bytes, Err *err)
{
    TRY(begin_file(o, name, bytes.n, err));
    return tar_writer_data(o->tar, bytes.p, bytes.n, err);
}

static int copy_data(ArchiveOut *o, int fd, uint64_t size, Err *err)
{
    cleanup_free char *block = NEW_N(char, IO_BLOCK);

    for (uint64_t at = 0; at < size;) {
        size_t want = size - at < IO_BLOCK ? (size_t)(size - at) : IO_BLOCK, got;

        TRY(fd_pread_full(fd, block, want, at, &got, err));
        if (got == 0)
            return err_set(err, ERR_FORMAT, "ends after %ju of %ju bytes", (uintmax_t)at,
                           (uintmax_t)size);
        TRY(tar_writer_data(o->tar, block, got, err));
        at += got;
    }
    return 0;
}

int archive_out_blob(ArchiveOut *o, Str name, Store *s, const Digest *d, Err *err)
{
    cleanup_close int fd = -1;
    uint64_t size;

    TRY(store_open_blob(s, d, &fd, &size, err));
    TRY(begin_file(o, name, size, err));
    if (copy_data(o, fd, size, err) < 0)
        return err_wrap(err, "blob %s", d->text);
    return 0;
}

int archive_out_commit(ArchiveOut *o, Err *err)
{
    TRY(tar_writer_finish(o->tar, err));
    if (!o->temp)
        return 0;
    if (fchmod(o->fd, 0644) < 0)
        return err_sys(err, "chmod");
    return temp_commit(o->temp, o->path, err);
}
