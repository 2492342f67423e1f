/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/swap_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "os/fd.h"

bool in_memory(int fd)
{
    struct statfs st;

    return fstatfs(fd, &st) == 0 && (st.f_type == TMPFS_MAGIC || st.f_type == RAMFS_MAGIC);
}

static bool dir_in_memory(const char *path)
{
    cleanup_close int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd >= 0 && in_memory(fd);
}

static void make_dir(const char *parent, char **ret)
{
    cleanup_free char *path = NULL;

    if (asprintf(&path, "%s/" SWAP_FILE_DIR "XXXXXX", parent) > 0 && mkdtemp(path) &&
        chmod(path, 0755) == 0)
        *ret = steal_ptr(&path);
}

void swap_program_dir(char **ret)
{
    *ret = NULL;
    make_dir("", ret);
}

void swap_file_dir(char **ret)
{
    static const char *const places[] = {"/dev/shm", "/run", "/dev", "/tmp"};

    *ret = NULL;
    for (size_t i = 0; i < ARRAY_LEN(places) && !*ret; i++)
        if (dir_in_memory(places[i]))
            make_dir(places[i], ret);
}

int swap_file_write(int dir, const char *name, const SandboxMount *m, Err *err)
{
    cleanup_close int fd =
        openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_sys(err, "make the file %s", name);
    TRY(fd_write_all(fd, m->data.p, m->data.n, err));
    if (fchown(fd, m->uid, m->gid) < 0)
        return err_sys(err, "give %s to %u:%u", name, m->uid, m->gid);
    return fchmod(fd, m->mode & 07777) < 0 ? err_sys(err, "set the mode of %s", name) : 0;
}
