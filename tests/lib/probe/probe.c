/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run by a RUN step: what can it learn of the processes that it did not start? Prints a line for every way in, and exits 1 if there
 * was one. The token that nobody may find stands in argv[1], reversed, so that the probe's own command line does not hold it.
 * With a second argument (gVisor, which lets root open them) descriptors of others are not tried.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int found;

static void way_in(int pid, const char *what)
{
    char path[64], name[64] = "?";
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    f = fopen(path, "r");
    if (f && fgets(name, sizeof(name), f))
        name[strcspn(name, "\n")] = '\0';
    if (f)
        fclose(f);
    printf("process %d (%s): %s\n", pid, name, what);
    found = 1;
}

static int open_of(int pid, const char *name, int flags)
{
    char path[128];

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    return open(path, flags);
}

static void search(int pid, const char *name, const char *token)
{
    static char text[1 << 20];
    int fd = open_of(pid, name, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

    if (n > 0 && memmem(text, (size_t)n, token, strlen(token)))
        way_in(pid, name);
    if (fd >= 0)
        close(fd);
}

/* The first mapping's first byte, by whatever reads memory. */
static void memory(int pid)
{
    /* gVisor lets everybody see maps: addresses, no content */
    int maps = open_of(pid, "maps", O_RDONLY), mem = open_of(pid, "mem", O_RDONLY);
    char line[256] = "", byte;
    unsigned long start = 0x400000;
    struct iovec to = {&byte, 1}, from;

    if (maps >= 0 && read(maps, line, sizeof(line) - 1) > 0)
        start = strtoul(line, NULL, 16);
    if (mem >= 0 && pread(mem, &byte, 1, (off_t)start) == 1)
        way_in(pid, "mem");
    from = (struct iovec){(void *)start, 1};
    if (process_vm_readv(pid, &to, 1, &from, 1, 0) == 1)
        way_in(pid, "process_vm_readv");
    if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0) {
        way_in(pid, "ptrace");
        waitpid(pid, NULL, __WALL);
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
    }
}

/* Their numbers are no secret; what they stand for is. */
static void descriptors(int pid)
{
    char name[64];
    int pidfd;

    for (int fd = 0; fd < 64; fd++) {
        int got;

        snprintf(name, sizeof(name), "fd/%d", fd);
        got = open_of(pid, name, O_RDONLY | O_NONBLOCK);
        if (got >= 0) {
            way_in(pid, name);
            close(got);
            break;
        }
    }
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    for (int fd = 3; pidfd >= 0 && fd < 64; fd++)
        if (syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0) {
            way_in(pid, "pidfd_getfd");
            break;
        }
}

int main(int argc, char **argv)
{
    DIR *proc = opendir("/proc");
    char token[64] = "";
    int others = 0;

    for (size_t n = argc > 1 ? strlen(argv[1]) : 0, i = 0; i < n && i < sizeof(token) - 1; i++)
        token[i] = argv[1][n - 1 - i];
    for (struct dirent *e; proc && (e = readdir(proc));) {
        int pid = atoi(e->d_name);

        if (pid <= 0 || pid == getpid())
            continue;
        others++;
        search(pid, "environ", token);
        search(pid, "cmdline", token);
        memory(pid);
        if (argc == 2)
            descriptors(pid);
    }
    printf("%d other processes\n", others);
    return found || !proc || !token[0];
}
