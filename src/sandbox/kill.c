/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without a pid namespace there is no call that ends "everything below me": process groups and sessions are left with setsid(),
 * and a double fork leaves the parent. But a subreaper gets every orphan back, so the chain of parents always leads here. One round
 * reads the parent of every process in /proc, marks who descends from us, and signals them; rounds are repeated until wait()
 * knows no child any more. A process forked during a round is caught in the next: its parent is dead or dying by then.
 *
 * gVisor (seen in release 20221219) accepts PR_SET_CHILD_SUBREAPER and does nothing; an orphan goes to pid 1, which
 * may be the builder, and looks like any child of it. What helps is that a session can be left but never joined: the command is
 * made leader of a new one, so nothing below it is ever again in kiln's. A process that is in another session, was not
 * there when the run began, and did not come into the container from outside (parent 0) is then the run's.
 */
#include "sandbox/kill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>

#include "base/num.h"
#include "sandbox/proc.h"

enum {
    ROUND_MS = 20 /* between two rounds, when the killed are slow to go */
};

/* ---- who is there ---- */

static void read_processes(int proc_fd, ProcessVec *ret)
{
    int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    uint32_t pid;
    ProcStat st;

    if (!dir) {
        close_at(&fd);
        return;
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (!num_parse_u32(str_from(e->d_name), &pid))
            continue;
        if (proc_stat_read(proc_fd, e->d_name, &st))
            vec_push(ret, ((Process){.pid = (pid_t)pid,
                                     .parent = (pid_t)st.field[PROC_PPID],
                                     .session = (pid_t)st.field[PROC_SESSION],
                                     .start = st.field[PROC_START],
                                     .state = st.state}));
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

/* ---- whose it is ---- */

static bool is_stray(const Descendants *d, const Process *p)
{
    const Process *old = find_process(&d->before, p->pid);

    return d->strays && p->parent != 0 && p->session != d->session && p->state != 'Z' &&
           !(old && old->start == p->start);
}

/* Does the chain of parents lead to 'self' without meeting anyone who is kept? It is no longer than there are processes. */
static bool is_ours(const Descendants *d, const ProcessVec *all, const Process *p,
                    const PidVec *keep)
{
    const Process *at = p;
    pid_t self = getpid();

    if (p->pid == self)
        return false;
    for (size_t hops = 0; at && hops <= all->n; hops++) {
        if (is_kept(keep, at->pid))
            return false;
        if (at->parent == self)
            return true;
        at = find_process(all, at->parent);
    }
    return is_stray(d, p);
}

/* ---- killing ---- */

void descendants_watch(Descendants *d, bool find_strays)
{
    int on = 0;

    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    *d = (Descendants){.proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC),
                       .session = getsid(0)};
    /* asked, a kernel that only pretends gives itself away */
    d->strays = find_strays && (prctl(PR_GET_CHILD_SUBREAPER, &on, 0, 0, 0) < 0 || on != 1);
    if (d->strays)
        read_processes(d->proc_fd, &d->before);
}

void descendants_done(Descendants *d)
{
    close_at(&d->proc_fd);
    vec_done(&d->before);
}

/* Returns how many there were. */
static size_t kill_round(const Descendants *d, int sig, const PidVec *keep)
{
    ProcessVec all = {0};
    size_t n = 0;

    if (getpid() == 1 && !keep) {
        (void)kill(-1, sig); /* never the caller itself */
        return 0;
    }
    read_processes(d->proc_fd, &all);
    vec_foreach(p, &all) {
        if (!is_ours(d, &all, p, keep))
            continue;
        (void)kill(p->pid, sig);
        n++;
    }
    vec_done(&all);
    return n;
}

void descendants_kill(const Descendants *d, int sig, const PidVec *keep)
{
    (void)kill_round(d, sig, keep);
}

/* True when no child is left. */
static bool reap(void)
{
    pid_t pid;

    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        ;
    return pid < 0 && errno == ECHILD;
}

void descendants_kill_all(const Descendants *d)
{
    const struct timespec round = {.tv_nsec = ROUND_MS * 1000000L};
    sigset_t chld;

    (void)sigemptyset(&chld);
    (void)sigaddset(&chld, SIGCHLD);
    for (;;) {
        bool childless = reap();

        if (childless && !d->strays)
            return;
        if (kill_round(d, SIGKILL, NULL) == 0 && childless)
            return;
        (void)sigtimedwait(&chld, NULL, &round);
    }
}
