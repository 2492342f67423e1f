/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources are paths in the builder's tree, targets are paths in the root; both are visible until the very last step, when
 * pivot_root swaps them and the old tree is detached.
 *
 * One sequence serves root and user namespaces. In a user namespace some things are refused, each for a reason: a fresh sysfs
 * without a network namespace of one's own; flags (nosuid, ro...) that an inherited mount has cannot be taken away; a fresh procfs
 * where the existing one has parts mounted over, as in nested containers (the run then keeps the builder's pid namespace and
 * gets its /proc). An inherited subtree can only be bound whole (MS_REC): its parts are locked together.
 */
#include "sandbox/mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "os/chase.h"
#include "sandbox/asked_mounts.h"
#include "sandbox/mount_at.h"

/* ---- /proc ---- */

static int mount_proc(int root, const RunRequest *req, Err *err)
{
    if (!req->own_pids)
        return bind_on(root, "proc", "/proc", err);
    return mount_on(root, "proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, err);
}

/* Hide a file under /dev/null, a directory under an empty read-only tmpfs. */
static int mask(int root, const char *target, Err *err)
{
    cleanup_close int fd = chase_open(root, target, O_PATH, 0, err);
    struct stat st;

    if (fd < 0)
        return err->os_errno == ENOENT ? 0 : -1;
    if (fstat(fd, &st) < 0)
        return err_sys(err, "stat /%s", target);
    if (S_ISDIR(st.st_mode)
            ? mount("tmpfs", fd_path(fd).z, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "size=0")
            : mount("/dev/null", fd_path(fd).z, NULL, MS_BIND, NULL))
        return err_sys(err, "mask /%s", target);
    return 0;
}

static int readonly_in_place(int root, const char *target, Err *err)
{
    cleanup_close int fd = chase_open(root, target, O_PATH, 0, err);

    if (fd < 0)
        return err->os_errno == ENOENT ? 0 : -1;
    return bind_readonly(root, target, fd_path(fd).z, err);
}

/* What Docker's containers do not see, or not for writing. A procfs that came masked from outside simply gets a second mask. */
static int protect_kernel_files(int root, Err *err)
{
    static const char *const masked[] = {
        "proc/acpi",       "proc/asound",        "proc/interrupts",  "proc/kcore",
        "proc/keys",       "proc/latency_stats", "proc/sched_debug", "proc/scsi",
        "proc/timer_list", "proc/timer_stats",   "sys/firmware",     "sys/devices/virtual/powercap",
    };
    static const char *const readonly[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys",
                                           "proc/sysrq-trigger"};

    for (size_t i = 0; i < ARRAY_LEN(readonly); i++)
        TRY(readonly_in_place(root, readonly[i], err));
    for (size_t i = 0; i < ARRAY_LEN(masked); i++)
        TRY(mask(root, masked[i], err));
    return 0;
}

/* ---- /sys ---- */

/*
 * A fresh sysfs shows the kernel without what the host has mounted below (debugfs, tracefs...), but for the cgroups, where programs look
 * for their memory limit. In a user namespace it is refused unless the network namespace is ours too: then the builder's /sys.
 */
static int mount_sys(int root, Err *err)
{
    unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    int mounted = mount_on(root, "sys", "sysfs", "sysfs", flags, NULL, err);

    if (mounted == 0)
        return 0;
    if (mounted > 0)
        return bind_readonly(root, "sys/fs/cgroup", "/sys/fs/cgroup", err);
    return bind_readonly(root, "sys", "/sys", err);
}

/* ---- /dev ---- */

/* mknod would do for root, but never in a user namespace, and only where a device cgroup agrees. */
static int bind_device(int dev, const char *name, Err *err)
{
    cleanup_close int fd = openat(dev, name, O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0666);
    char source[32];

    if (fd < 0)
        return err_sys(err, "make /dev/%s", name);
    (void)snprintf(source, sizeof(source), "/dev/%s", name);
    if (mount(source, fd_path(fd).z, NULL, MS_BIND, NULL) == 0)
        return 0;
    if (errno != ENOENT)
        return err_sys(err, "bind %s", source);
    (void)unlinkat(dev, name, 0); /* the builder has none either */
    return 0;
}

/* Kernels, sandboxes and user namespaces differ in which of these they have; a build rarely misses one. */
static void mount_dev_extras(int dev)
{
    static const struct {
        const char *name, *type, *data, *fallback;
        unsigned long flags;
    } extras[] = {
        /* gid 5 (tty) may have no place in the identity map */
        {"pts", "devpts", "newinstance,ptmxmode=0666,mode=0620,gid=5",
         "newinstance,ptmxmode=0666,mode=0620", MS_NOSUID | MS_NOEXEC},
        {"shm", "tmpfs", "mode=1777,size=65536k", "mode=1777", MS_NOSUID | MS_NODEV | MS_NOEXEC},
        {"mqueue", "mqueue", NULL, NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
    };

    for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
        cleanup_close int fd = -1;

        if (mkdirat(dev, extras[i].name, 0755) < 0)
            continue;
        fd = openat(dev, extras[i].name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (mount(extras[i].type, fd_path(fd).z, extras[i].type, extras[i].flags, extras[i].data) <
            0)
            (void)mount(extras[i].type, fd_path(fd).z, extras[i].type, extras[i].flags,
                        extras[i].fallback);
    }
}

static int link_dev(int dev, Err *err)
{
    static const char *const links[][2] = {{"/proc/self/fd", "fd"},
                                           {"/proc/self/fd/0", "stdin"},
                                           {"/proc/self/fd/1", "stdout"},
                                           {"/proc/self/fd/2", "stderr"},
                                           {"pts/ptmx", "ptmx"}};

    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        if (symlinkat(links[i][0], dev, links[i][1]) < 0)
            return err_sys(err, "make /dev/%s", links[i][1]);
    return 0;
}

static int mount_dev(int root, Err *err)
{
    static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
    cleanup_close int dev = -1;
    int mounted = mount_on(root, "dev", "tmpfs", "tmpfs", MS_NOSUID | MS_STRICTATIME,
                           "mode=755,size=65536k", err);

    if (mounted <= 0)
        return mounted;
    dev = chase_open(root, "dev", O_RDONLY | O_DIRECTORY, 0, err);
    if (dev < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(devices); i++)
        TRY(bind_device(dev, devices[i], err));
    mount_dev_extras(dev);
    return link_dev(dev, err);
}

/* ---- files of the builder ---- */

/* Only over a regular file: an image that has something else there means it. */
static int bind_file(int root, const char *target, const char *source, Err *err)
{
    cleanup_close int fd = -1;
    struct stat st;

    if (!source)
        return 0;
    fd = chase_open(root, target, O_PATH, 0, err);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    return bind_readonly(root, target, source, err);
}

/* ---- the root itself ---- */

/*
 * Nothing mounted here may travel back to the builder, and the root must be a mount point to pivot into. It may lie on a file system
 * mounted nosuid or nodev (a volume): an image's setuid programs must work all the same where we may say so.
 */
static int prepare_root(const char *root_path, int *ret_root, Err *err)
{
    int fd;

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return err_sys(err, "make the mounts private");
    if (mount(root_path, root_path, NULL, MS_BIND | MS_REC, NULL) < 0)
        return err_sys(err, "bind the root directory %s", root_path);
    (void)mount(NULL, root_path, NULL, MS_REMOUNT | MS_BIND, NULL);
    fd = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "open %s", root_path);
    *ret_root = fd;
    return 0;
}

/* pivot_root(".", ".") stacks the old root on the new one, where it can be unmounted without a directory to put it in. */
static int pivot(int root, Err *err)
{
    if (fchdir(root) < 0)
        return err_sys(err, "enter the root directory");
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        return errno == EINVAL
                   ? err_set(
                         err, ERR_UNSUPPORTED,
                         "pivot_root: the / of kiln is not a mount point (a chroot or an initramfs)")
                   : err_sys(err, "pivot_root");
    if (umount2(".", MNT_DETACH) < 0)
        return err_sys(err, "unmount the old root");
    if (chdir("/") < 0)
        return err_sys(err, "chdir to the new root");
    return 0;
}

int mounts_enter(const RunRequest *req, Err *err)
{
    cleanup_close int root = -1;

    (void)unshare(CLONE_NEWCGROUP); /* hides where in the hierarchy we are; not everybody may */
    TRY(prepare_root(req->root, &root, err));
    TRY(mount_proc(root, req, err));
    TRY(mount_sys(root, err));
    TRY(mount_dev(root, err));
    TRY(protect_kernel_files(root, err));
    TRY(bind_file(root, "etc/resolv.conf", req->resolv, err));
    TRY(bind_file(root, "etc/hosts", req->hosts, err));
    TRY(asked_mounts_make(root, req, err));
    /* seccomp profiles forbid it to a container's root, whatever its user namespace says: then the builder's name */
    if (req->spec.hostname && sethostname(req->spec.hostname, strlen(req->spec.hostname)) < 0 &&
        errno != EPERM)
        return err_sys(err, "set the host name to %s", req->spec.hostname);
    return pivot(root, err);
}
