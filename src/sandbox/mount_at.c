/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/mount_at.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "base/limits.h"
#include "os/chase.h"
#include "os/mountinfo.h"

FdPath fd_path(int fd)
{
    FdPath p;

    (void)snprintf(p.z, sizeof(p.z), "/proc/self/fd/%d", fd);
    return p;
}

int mount_on(int root, const char *target, const char *source, const char *type,
             unsigned long flags, const char *data, Err *err)
{
    cleanup_close int fd = chase_open(root, target, O_PATH, 0, err);

    if (fd < 0)
        return err->os_errno == ENOENT ? 0 : -1;
    if (mount(source, fd_path(fd).z, type, flags, data) < 0)
        return err_sys(err, "mount %s on /%s", source, target);
    return 1;
}

int bind_on(int root, const char *target, const char *source, Err *err)
{
    return mount_on(root, target, source, NULL, MS_BIND | MS_REC, NULL, err);
}

/* A remount replaces all flags, and in a user namespace inherited ones may not be dropped: name those that are set. */
static unsigned long current_flags(const char *path)
{
    static const struct {
        unsigned long st, ms;
    } map[] = {{ST_NOSUID, MS_NOSUID},         {ST_NODEV, MS_NODEV},
               {ST_NOEXEC, MS_NOEXEC},         {ST_NOATIME, MS_NOATIME},
               {ST_NODIRATIME, MS_NODIRATIME}, {ST_RELATIME, MS_RELATIME}};
    unsigned long flags = 0;
    struct statvfs st;

    if (statvfs(path, &st) < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(map); i++)
        if (st.f_flag & map[i].st)
            flags |= map[i].ms;
    return flags;
}

static int remount_readonly(const char *path, Err *err)
{
    if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | current_flags(path), NULL) < 0)
        return err_sys(err, "make %s read-only", path);
    return 0;
}

/* Before mount_setattr(2): every mount at or below the directory that 'fd' stands for, one by one. */
static int remount_readonly_below(int fd, Err *err)
{
    cleanup_mount_table MountTable table = {0};
    char path[LIMIT_PATH + 1];
    ssize_t n = readlink(fd_path(fd).z, path, sizeof(path));

    if (n <= 0 || (size_t)n > LIMIT_PATH)
        return err_sys(err, "the path of a mount");
    TRY(mountinfo_read(&table, err));
    vec_foreach(m, &table.mounts) {
        cleanup_free char *point = str_dup(m->point);

        if (path_within(m->point, (Str){path, (size_t)n}))
            TRY(remount_readonly(point, err));
    }
    return 0;
}

int make_readonly(int root, const char *target, Err *err)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    cleanup_close int fd = chase_open(root, target, O_PATH, 0, err);

    if (fd < 0)
        return -1;
    if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) == 0)
        return 0;
    /* ENOSYS before 5.12; EPERM from seccomp profiles older than the call */
    return remount_readonly_below(fd, err);
}

int bind_readonly(int root, const char *target, const char *source, Err *err)
{
    int mounted = access(source, F_OK) < 0 ? 0 : bind_on(root, target, source, err);

    return mounted <= 0 ? mounted : make_readonly(root, target, err);
}
