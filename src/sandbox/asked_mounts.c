/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything on disk that a mount needs for itself is in one directory, RunRequest.scratch, which the builder makes before the run and
 * removes after it. A file's bytes never get there: its tmpfs is mounted over "scratch/files" in the supervisor's own mount namespace,
 * and goes with it.
 */
#include "sandbox/asked_mounts.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "os/chase.h"
#include "os/fd.h"
#include "os/file.h"
#include "sandbox/mount_at.h"
#include "sandbox/move.h"

/* ---- mount points ---- */

/* What lies in a mount is made there, when that is mounted. */
static bool in_other_mount(const RunSpec *spec, size_t n)
{
    static const char *const always[] = {"proc", "sys", "dev"};
    Str path = str_skip(str_from(spec->mounts[n].target), 1);

    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        if (path_within(path, str_from(always[i])))
            return true;
    for (size_t i = 0; i < n; i++)
        if (path_within(path, str_skip(str_from(spec->mounts[i].target), 1)))
            return true;
    return false;
}

static bool is_dir(const SandboxMount *m)
{
    return m->kind == SANDBOX_TMPFS || (m->kind == SANDBOX_BIND && m->is_dir);
}

int asked_mounts_points(int root_fd, const RunSpec *spec, MountPointVec *made, Err *err)
{
    for (size_t i = 0; i < spec->n_mounts; i++)
        if (!in_other_mount(spec, i))
            TRY(mount_point_make(root_fd, spec->mounts[i].target, is_dir(&spec->mounts[i]), made,
                                 err));
    return 0;
}

/* The directory or file that is there to be mounted on. Returns a descriptor owned by the caller. */
static int open_point(int root, const SandboxMount *m, Err *err)
{
    cleanup_mount_points MountPointVec made = {0};
    struct stat st;
    int fd = chase_open(root, m->target, O_PATH, 0, err);

    if (fd < 0 && err->os_errno == ENOENT) {
        if (mount_point_make(root, m->target, is_dir(m), &made, err) < 0)
            return err_wrap(err, "it would lie in another mount");
        fd = chase_open(root, m->target, O_PATH, 0, err);
        vec_foreach(p, &made) {
            close_at(&p->parent_fd);
            free(p->name);
        }
        vec_done(&made); /* it stays for as long as what it is in */
    }
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) == is_dir(m))
        return fd;
    (void)close(fd);
    return err_set(err, ERR_USAGE, "a %s cannot be mounted there: the image has a %s",
                   is_dir(m) ? "directory" : "file", is_dir(m) ? "file" : "directory");
}

/* ---- bind ---- */

static int open_source(const SandboxMount *m, Err *err)
{
    cleanup_close int dir = open(m->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return err_sys(err, "open %s", m->dir);
    return chase_open(dir, m->source, O_PATH, 0, err);
}

static int bind_fd(int source, int point, Err *err)
{
    if (mount(fd_path(source).z, fd_path(point).z, NULL, MS_BIND | MS_REC, NULL) < 0)
        return err_sys(err, "bind");
    return 0;
}

/* A fresh directory in the run's scratch directory; *ret is owned by the caller. */
static int scratch_dir(int scratch, size_t n, const char *name, int *ret, Err *err)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%zu.%s", n, name);
    if (mkdirat(scratch, path, 0700) < 0)
        return err_sys(err, "make a directory for what is written to it");
    *ret = openat(scratch, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret < 0 ? err_sys(err, "open %s", path) : 0;
}

/* 1 when mounted, 0 when this kernel, or this file system, does not do it. */
static int mount_overlay(int source, int upper, int work, int point)
{
    static const char *const options[] = {",userxattr", ""}; /* the first since 5.11 */
    char data[256];

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        (void)snprintf(data, sizeof(data), "lowerdir=%s,upperdir=%s,workdir=%s%s",
                       fd_path(source).z, fd_path(upper).z, fd_path(work).z, options[i]);
        if (mount("overlay", fd_path(point).z, "overlay", 0, data) == 0)
            return 1;
    }
    return 0;
}

/* The top directory of an overlay looks like its upper one. */
static int dress(int source, int upper, Err *err)
{
    struct stat st;

    if (fstat(source, &st) < 0)
        return err_sys(err, "stat");
    /* EINVAL: an id that has no place in this user namespace */
    if ((fchown(upper, st.st_uid, st.st_gid) < 0 && errno != EINVAL) ||
        fchmod(upper, st.st_mode & 07777) < 0)
        return err_sys(err, "set the owner and mode");
    return 0;
}

static int discard_dir(const SandboxMount *m, size_t n, int scratch, int source, int point,
                       Err *err)
{
    cleanup_close int upper = -1, work = -1, copy = -1, in = -1;

    TRY(scratch_dir(scratch, n, "upper", &upper, err));
    TRY(scratch_dir(scratch, n, "work", &work, err));
    TRY(dress(source, upper, err));
    if (mount_overlay(source, upper, work, point))
        return 0;
    TRY(scratch_dir(scratch, n, "copy", &copy, err));
    in = openat(source, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (in < 0)
        return err_sys(err, "open %s/%s", m->dir, m->source);
    TRY(copy_contents(in, copy, err));
    return bind_fd(copy, point, err);
}

static int discard_file(size_t n, int scratch, int source, int point, Err *err)
{
    cleanup_close int in = -1, out = -1;
    struct stat st;
    char name[32];

    (void)snprintf(name, sizeof(name), "%zu.file", n);
    in = open(fd_path(source).z, O_RDONLY | O_CLOEXEC);
    out = openat(scratch, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (in < 0 || out < 0 || fstat(in, &st) < 0)
        return err_sys(err, "copy what is written to");
    TRY(fd_copy_file(in, out, err));
    TRY(dress(in, out, err));
    return bind_fd(out, point, err);
}

static int make_bind(const SandboxMount *m, size_t n, int scratch, int point, Err *err)
{
    cleanup_close int source = open_source(m, err);

    if (source < 0)
        return -1;
    if (!m->discard)
        return bind_fd(source, point, err);
    return m->is_dir ? discard_dir(m, n, scratch, source, point, err)
                     : discard_file(n, scratch, source, point, err);
}

/* ---- tmpfs ---- */

static int make_tmpfs(const SandboxMount *m, int point, Err *err)
{
    char data[48] = "";

    if (m->size_bytes)
        (void)snprintf(data, sizeof(data), "size=%llu", (unsigned long long)m->size_bytes);
    if (mount("tmpfs", fd_path(point).z, "tmpfs", MS_NOSUID, data) < 0)
        return err_sys(err, "mount a tmpfs");
    return 0;
}

/* ---- file ---- */

/* The tmpfs that holds the files: mounted with the first. */
static int open_files(int scratch, int *files, Err *err)
{
    int fd;

    if (*files >= 0)
        return 0;
    if (mkdirat(scratch, "files", 0700) < 0)
        return err_sys(err, "make a directory for files");
    fd = openat(scratch, "files", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || mount("tmpfs", fd_path(fd).z, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") < 0) {
        close_at(&fd);
        return err_sys(err, "mount a tmpfs for files");
    }
    close_at(&fd);
    *files = openat(scratch, "files", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *files < 0 ? err_sys(err, "open the tmpfs for files") : 0;
}

static int write_file(const SandboxMount *m, int files, size_t n, int *ret, Err *err)
{
    char name[32];

    (void)snprintf(name, sizeof(name), "%zu", n);
    *ret = openat(files, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (*ret < 0)
        return err_sys(err, "make a file");
    TRY(fd_write_all(*ret, m->data.p, m->data.n, err));
    if (fchown(*ret, m->uid, m->gid) < 0)
        return err_sys(err, "give it to %u:%u", m->uid, m->gid);
    return fchmod(*ret, m->mode & 07777) < 0 ? err_sys(err, "set its mode") : 0;
}

static int make_file(const SandboxMount *m, size_t n, int files, int point, int root, Err *err)
{
    unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV;
    cleanup_close int written = -1, mounted = -1;

    TRY(write_file(m, files, n, &written, err));
    TRY(bind_fd(written, point, err));
    mounted = chase_open(root, m->target, O_PATH, 0, err);
    if (mounted < 0)
        return -1;
    if (!(m->mode & 0111))
        flags |= MS_NOEXEC;
    if (mount(NULL, fd_path(mounted).z, NULL, flags, NULL) < 0)
        return err_sys(err, "make it read-only");
    return 0;
}

/* ---- all of them ---- */

typedef struct Places {
    int root, scratch, files;
} Places;

static int make_one(Places *p, const SandboxMount *m, size_t n, Err *err)
{
    cleanup_close int point = open_point(p->root, m, err);

    if (point < 0)
        return -1;
    switch (m->kind) {
    case SANDBOX_BIND: TRY(make_bind(m, n, p->scratch, point, err)); break;
    case SANDBOX_TMPFS: TRY(make_tmpfs(m, point, err)); break;
    case SANDBOX_FILE:
        TRY(open_files(p->scratch, &p->files, err));
        return make_file(m, n, p->files, point, p->root, err);
    }
    return m->read_only ? make_readonly(p->root, m->target, err) : 0;
}

bool asked_mounts_need_scratch(const RunSpec *spec)
{
    for (size_t i = 0; i < spec->n_mounts; i++)
        if (spec->mounts[i].kind == SANDBOX_FILE || spec->mounts[i].discard)
            return true;
    return false;
}

int asked_mounts_make(int root, const RunRequest *req, Err *err)
{
    cleanup_close int scratch = -1;
    Places p = {.root = root, .scratch = -1, .files = -1};
    int rc = 0;

    if (req->scratch) {
        scratch = open(req->scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (scratch < 0)
            return err_sys(err, "open %s", req->scratch);
    }
    p.scratch = scratch;
    for (size_t i = 0; rc == 0 && i < req->spec.n_mounts; i++) {
        const SandboxMount *m = &req->spec.mounts[i];

        rc = make_one(&p, m, i, err);
        if (rc < 0)
            err_wrap_(err, "mount on %s", m->target);
    }
    close_at(&p.files);
    return rc;
}
