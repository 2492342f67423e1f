/* SPDX-License-Identifier: Apache-2.0 */
#include "os/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

static int set_attributes(posix_spawnattr_t *attr)
{
    sigset_t all, none;
    int e;

    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    e = posix_spawnattr_setsigdefault(attr, &all);
    if (e == 0)
        e = posix_spawnattr_setsigmask(attr, &none);
    if (e == 0)
        e = posix_spawnattr_setpgroup(attr, 0);
    if (e == 0)
        e = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                               POSIX_SPAWN_SETPGROUP);
    return e;
}

static int set_files(posix_spawn_file_actions_t *files, int in, int out, int complaints)
{
    int e = posix_spawn_file_actions_adddup2(files, in, STDIN_FILENO);

    if (e == 0)
        e = posix_spawn_file_actions_adddup2(files, out, STDOUT_FILENO);
    if (e)
        return e;
    if (complaints >= 0)
        return posix_spawn_file_actions_adddup2(files, complaints, STDERR_FILENO);
    return posix_spawn_file_actions_addopen(files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
}

int os_spawn(const char *const argv[], int in, int out, int complaints, pid_t *ret, Err *err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int e;

    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawnattr_init(&attr);
    e = set_files(&files, in, out, complaints);
    if (e == 0)
        e = set_attributes(&attr);
    if (e == 0)
        e = posix_spawnp(ret, argv[0], &files, &attr, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&files);
    if (e == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "%s is not installed (it is not in PATH)", argv[0]);
    errno = e;
    return e ? err_sys(err, "run %s", argv[0]) : 0;
}
