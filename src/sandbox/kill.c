/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without a pid namespace there is no call that ends "everything below me": process groups and sessions are left with setsid(),
 * and a double fork leaves the parent. But a subreaper gets every orphan back, so the chain of parents always leads here. One round
 * reads the parent of every process in /proc, marks who descends from us, and signals them; rounds are repeated until wait()
 * knows no child any more. A process forked during a round is caught in the next: its parent is dead or dying by then.
 */
#include "sandbox/kill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>

#include "base/num.h"

enum {
    ROUND_MS = 20, /* between two rounds, when the killed are slow to go */
    STAT_MAX = 512 /* bytes of /proc/PID/stat that hold the first fields: comm has at most 64 */
};

typedef struct Process {
    pid_t pid, parent;
    bool mark; /* to be signalled */
    bool keep;
} Process;

typedef VEC(Process) ProcessVec;

/* "PID (COMM) STATE PPID ...". COMM may hold blanks and parentheses: the last ')' ends it. */
static bool read_parent(int proc_fd, const char *pid, pid_t *ret)
{
    char path[64], text[STAT_MAX];
    cleanup_close int fd = -1;
    const char *end;
    ssize_t n;
    int parent;

    (void)snprintf(path, sizeof(path), "%s/stat", pid);
    fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (n = read(fd, text, sizeof(text) - 1)) <= 0)
        return false;
    text[n] = '\0';
    end = strrchr(text, ')');
    if (!end || sscanf(end + 1, " %*c %d", &parent) != 1) /* NOLINT(cert-err34-c): a pid_t */
        return false;
    *ret = parent;
    return true;
}

static void read_processes(int proc_fd, ProcessVec *ret)
{
    int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    Process p = {0};
    uint32_t pid;

    if (!dir) {
        close_at(&fd);
        return;
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (!num_parse_u32(str_from(e->d_name), &pid))
            continue;
        p.pid = (pid_t)pid;
        if (read_parent(proc_fd, e->d_name, &p.parent))
            vec_push(ret, p);
    }
    (void)closedir(dir);
}

static const Process *find_process(const ProcessVec *all, pid_t pid)
{
    vec_foreach(p, all)
        if (p->pid == pid)
            return p;
    return NULL;
}

static bool is_kept(const PidVec *keep, pid_t pid)
{
    for (size_t i = 0; keep && i < keep->n; i++)
        if (keep->v[i] == pid)
            return true;
    return false;
}

/* Does the chain of parents lead to 'self' without meeting anyone who is kept? It is no longer than there are processes. */
static bool descends(const ProcessVec *all, const Process *p, pid_t self, const PidVec *keep)
{
    for (size_t hops = 0; p && hops <= all->n; hops++) {
        if (is_kept(keep, p->pid))
            return false;
        if (p->parent == self)
            return true;
        p = find_process(all, p->parent);
    }
    return false;
}

void kill_descendants(int proc_fd, int sig, const PidVec *keep)
{
    ProcessVec all = {0};
    pid_t self = getpid();

    if (self == 1 && !keep) {
        (void)kill(-1, sig); /* never the caller itself */
        return;
    }
    read_processes(proc_fd, &all);
    vec_foreach(p, &all)
        if (p->pid != self && descends(&all, p, self, keep))
            (void)kill(p->pid, sig);
    vec_done(&all);
}

/* True when no child is left. */
static bool reap(void)
{
    pid_t pid;

    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        ;
    return pid < 0 && errno == ECHILD;
}

void kill_and_reap_all(int proc_fd)
{
    const struct timespec round = {.tv_nsec = ROUND_MS * 1000000L};
    sigset_t chld;

    (void)sigemptyset(&chld);
    (void)sigaddset(&chld, SIGCHLD);
    while (!reap()) {
        kill_descendants(proc_fd, SIGKILL, NULL);
        (void)sigtimedwait(&chld, NULL, &round);
    }
}
