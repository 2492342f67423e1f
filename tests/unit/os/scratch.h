/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/os/scratch.h - a directory of its own for a test, children that may ruin their
 * process, and system calls that are missing.
 */
#pragma once

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "os/file.h"
#include "test.h"

typedef struct Scratch {
    char path[256];
    int fd;
} Scratch;

static inline Scratch scratch_new(void)
{
    const char *dir = getenv("TMPDIR");
    Scratch s;

    (void)snprintf(s.path, sizeof(s.path), "%s/kiln-os-test.XXXXXX", dir && *dir ? dir : "/tmp");
    CHECK(mkdtemp(s.path));
    s.fd = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(s.fd >= 0);
    return s;
}

static inline void scratch_done(Scratch *s)
{
    Err err;

    close_at(&s->fd);
    CHECK_OK(dir_remove_all(AT_FDCWD, s->path, &err));
    CHECK(access(s->path, F_OK) < 0);
}
#define cleanup_scratch cleanup_with(scratch_done)

static inline void put(int dirfd, const char *path, const char *text)
{
    cleanup_close int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static inline void check_file(const char *file, int line, int dirfd, const char *path, Str want)
{
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);
    Err err;

    CHECK_OK(file_read(dirfd, path, &got, &err));
    check_str(file, line, buf_str(&got), want);
}
#define CHECK_FILE(dirfd, path, want) check_file(__FILE__, __LINE__, (dirfd), (path), (want))

/* Run fn in a child; returns its wait status. A failed CHECK there is a SIGABRT here. */
static inline int child_status(void (*fn)(void *), void *arg)
{
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        fn(arg);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

static inline void in_child(void (*fn)(void *), void *arg)
{
    CHECK(child_status(fn, arg) == 0);
}

/* From now on this system call fails with os_errno in this process. False: not possible here. */
static inline bool deny(int nr, int os_errno)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)os_errno),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {.len = ARRAY_LEN(code), .filter = code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

/* In a child: no longer root. Without effect for those who are not. */
static inline void become_nobody(void)
{
    if (geteuid() != 0)
        return;
    CHECK(setresgid(65534, 65534, 65534) == 0);
    CHECK(setresuid(65534, 65534, 65534) == 0);
}

static inline void write_proc(const char *path, const char *text)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = (ssize_t)strlen(text);

    CHECK(fd >= 0 && write(fd, text, (size_t)n) == n);
}

/* A user namespace in which we are root; files cannot be made without a mapping. */
static inline bool become_root_of_namespace(void)
{
    char uid_map[64], gid_map[64];

    (void)snprintf(uid_map, sizeof(uid_map), "0 %u 1", geteuid());
    (void)snprintf(gid_map, sizeof(gid_map), "0 %u 1", getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return false;
    write_proc("/proc/self/setgroups", "deny");
    write_proc("/proc/self/uid_map", uid_map);
    write_proc("/proc/self/gid_map", gid_map);
    return true;
}

/*
 * In a child: a mount namespace of its own, as root or with a user namespace. 's' is opened again,
 * since the old descriptor sees the mounts of the old namespace. False: not possible here.
 */
static inline bool enter_mount_namespace(Scratch *s)
{
    if (unshare(CLONE_NEWNS) < 0 && !become_root_of_namespace())
        return false;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return false;
    s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return s->fd >= 0;
}
