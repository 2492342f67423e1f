/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files as wholes. Removing trees is in os/remove.c.
 */
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>

#include "os/fd.h"

enum {
    READ_BLOCK = 64 * 1024, /* bytes */
    NAME_TRIES = 100
};

int file_read(int dirfd, const char *path, Buf *ret, Err *err)
{
    cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    FdReader in;

    if (fd < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "%s does not exist", path);
    if (fd < 0)
        return err_sys(err, "open %s", path);
    in = fd_reader(fd);
    if (reader_read_all(&in.r, ret, "file", err) < 0)
        return err_wrap(err, "%s", path);
    return 0;
}

/* --- a look before the work --- */

static int check_dir(const char *path, const struct stat *st, Err *err)
{
    if (!S_ISDIR(st->st_mode))
        return err_set(err, ERR_USAGE, "%s is not a directory", path);
    if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) < 0)
        return err_sys(err, "%s cannot be written to", path);
    return 0;
}

static int check_parent(const char *path, bool make_parents, Err *err)
{
    Str dir = path_dir(str_from(path));
    cleanup_free char *parent = str_dup(dir.n ? dir : path[0] == '/' ? S("/") : S("."));
    struct stat st;

    if (stat(parent, &st) == 0)
        return check_dir(parent, &st, err);
    if (errno == ENOENT && make_parents)
        return check_parent(parent, true, err);
    return err_sys(err, "the directory %s", parent);
}

int file_check_target(const char *path, bool is_dir, bool make_parents, Err *err)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return check_parent(path, make_parents, err);
    if (is_dir)
        return check_dir(path, &st, err);
    if (S_ISDIR(st.st_mode))
        return err_set(err, ERR_USAGE, "%s is a directory", path);
    if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0)
        return 0;
    return check_parent(path, false, err); /* it can perhaps be replaced */
}

/* --- whole files --- */

/* PATH with a name beside it that nobody else has: "DIR/.NAME.0123456789abcdef". */
static int open_beside(int dirfd, const char *path, mode_t mode, Buf *ret_name, Err *err)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    uint64_t random = 0;
    int fd;

    for (int i = 0; i < NAME_TRIES; i++) {
        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
            return err_sys(err, "getrandom");
        buf_truncate(ret_name, 0);
        buf_append(ret_name, path, (size_t)(base - path));
        /* A name of 255 bytes is legal, and leaves no room for anything beside it. */
        buf_addf(ret_name, ".%.200s.%016llx", base, (unsigned long long)random);
        TRY(buf_check(ret_name, "path", err));
        fd = openat(dirfd, buf_z(ret_name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                    mode);
        if (fd >= 0)
            return fd;
        if (errno != EEXIST)
            break;
    }
    return err_sys(err, "create a file beside %s", path);
}

static int fill(int fd, const char *path, Str data, Err *err)
{
    if (fd_write_all(fd, data.p, data.n, err) < 0)
        return err_wrap(err, "%s", path);
    /* Or else a crash soon after could leave the new name without the bytes. */
    if (fdatasync(fd) < 0 && errno != EINVAL)
        return err_sys(err, "sync %s", path);
    return 0;
}

int file_write_atomic(int dirfd, const char *path, mode_t mode, Str data, Err *err)
{
    cleanup_buf Buf temp = BUF_INIT(BUF_SMALL);
    cleanup_close int fd = open_beside(dirfd, path, mode, &temp, err);

    if (fd < 0)
        return -1;
    if (fill(fd, path, data, err) == 0) {
        if (renameat(dirfd, buf_z(&temp), dirfd, path) == 0)
            return 0;
        (void)err_sys(err, "rename to %s", path);
    }
    (void)unlinkat(dirfd, buf_z(&temp), 0);
    return -1;
}

/* A link fails where there is something; a rename is for file systems that have no links. */
static int name_unless_there(int dirfd, const char *temp, const char *path, Err *err)
{
    if (linkat(dirfd, temp, dirfd, path, 0) == 0 || errno == EEXIST)
        return 0;
    if (faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
        renameat(dirfd, temp, dirfd, path) == 0)
        return 0;
    return err_sys(err, "rename to %s", path);
}

int file_write_new(int dirfd, const char *path, mode_t mode, Str data, Err *err)
{
    cleanup_buf Buf temp = BUF_INIT(BUF_SMALL);
    cleanup_close int fd = open_beside(dirfd, path, mode, &temp, err);
    int rc;

    if (fd < 0)
        return -1;
    rc = fill(fd, path, data, err);
    if (rc == 0)
        rc = name_unless_there(dirfd, buf_z(&temp), path, err);
    (void)unlinkat(dirfd, buf_z(&temp), 0);
    return rc;
}

/* O_TRUNC is refused by nothing that it has no meaning for. */
static int write_in_place(int dirfd, const char *path, Str data, Err *err)
{
    cleanup_close int fd = openat(dirfd, path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return err_sys(err, "open %s", path);
    if (fd_write_all(fd, data.p, data.n, err) < 0)
        return err_wrap(err, "%s", path);
    return 0;
}

int file_write(int dirfd, const char *path, mode_t mode, Str data, Err *err)
{
    struct stat st;
    bool there = fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
    Err first, second;

    /* A link is written through: /dev/stdout is one. */
    if (there && !S_ISREG(st.st_mode))
        return write_in_place(dirfd, path, data, err);
    if (file_write_atomic(dirfd, path, mode, data, &first) == 0)
        return 0;
    /* A mount point cannot be renamed over, and we may have no right to the directory. */
    if (there && first.kind == ERR_SYS && first.os_errno != ENOSPC && first.os_errno != EDQUOT &&
        write_in_place(dirfd, path, data, &second) == 0)
        return 0;
    *err = first;
    return -1;
}

/* mkdir one prefix of the path; what is there already is fine, whatever it is. */
static int make_one(int dirfd, const char *path, mode_t mode, Err *err)
{
    struct stat st;
    int saved;

    if (mkdirat(dirfd, path, mode) == 0 || errno == EEXIST)
        return 0;
    saved = errno;
    /* EROFS and EACCES may come before EEXIST. */
    if ((errno == EROFS || errno == EACCES || errno == EPERM) && fstatat(dirfd, path, &st, 0) == 0)
        return 0;
    errno = saved;
    return err_sys(err, "mkdir %s", path);
}

int dir_make_all(int dirfd, const char *path, mode_t mode, Err *err)
{
    cleanup_free char *part = xstrdup(path);
    struct stat st;

    for (char *p = part; *p; p++) {
        if (*p != '/' || p == part || p[-1] == '/')
            continue;
        *p = '\0';
        TRY(make_one(dirfd, part, mode, err));
        *p = '/';
    }
    if (path[0] == '\0')
        return 0;
    TRY(make_one(dirfd, path, mode, err));
    if (fstatat(dirfd, path, &st, 0) < 0)
        return err_sys(err, "mkdir %s", path);
    if (S_ISDIR(st.st_mode))
        return 0;
    errno = ENOTDIR;
    return err_sys(err, "mkdir %s", path);
}
