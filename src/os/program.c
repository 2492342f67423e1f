/* SPDX-License-Identifier: Apache-2.0 */
#include "os/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "os/fd.h"
#include "os/signal.h"
#include "os/spawn.h"

enum {
    REAP_STEP_MS = 10 /* between looks at a program that has said all it had to say */
};

typedef struct Running {
    const char *name;
    pid_t pid; /* also of its process group; 0 = none */
    int64_t deadline_ms;
} Running;

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Nothing of it is left afterwards. */
static void running_done(Running *p)
{
    if (p->pid <= 0)
        return;
    (void)kill(-p->pid, SIGKILL);
    while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    p->pid = 0;
}

static int check_time(const Running *p, Err *err)
{
    TRY(signal_check(err));
    if (now_ms() >= p->deadline_ms)
        return err_set(err, ERR_NET, "%s does not answer", p->name);
    return 0;
}

/* 1 = there is something to read, or the end. */
static int wait_readable(const Running *p, int fd, Err *err)
{
    struct pollfd fds[2] = {{fd, POLLIN, 0}, {signal_fd(), POLLIN, 0}};

    for (;;) {
        int64_t left = p->deadline_ms - now_ms();

        TRY(check_time(p, err));
        if (poll(fds, 2, (int)left) < 0 && errno != EINTR)
            return err_sys(err, "poll");
        if (fds[0].revents)
            return 1;
    }
}

static int read_answer(const Running *p, int fd, Buf *out, Err *err)
{
    char block[4096];

    for (;;) {
        ssize_t n;

        TRY(wait_readable(p, fd, err));
        n = read(fd, block, sizeof(block));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "read from %s", p->name);
        if (n == 0)
            break;
        buf_append(out, block, (size_t)n);
        TRY(buf_check(out, "its answer", err));
    }
    explicit_bzero(block, sizeof(block));
    return 0;
}

static int reap(Running *p, int *ret_status, Err *err)
{
    const struct timespec step = {.tv_nsec = REAP_STEP_MS * 1000000L};
    int status;

    for (;;) {
        pid_t r = waitpid(p->pid, &status, WNOHANG);

        if (r == p->pid)
            break;
        if (r < 0 && errno != EINTR)
            return err_sys(err, "wait for %s", p->name);
        TRY(check_time(p, err));
        (void)nanosleep(&step, NULL);
    }
    (void)kill(-p->pid, SIGKILL); /* what it left in the background */
    p->pid = 0;
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 0;
}

int program_run(const char *const argv[], Str in, unsigned timeout_s, Buf *out, int *ret_status,
                Err *err)
{
    cleanup_with(running_done)
        Running p = {.name = argv[0], .deadline_ms = now_ms() + (int64_t)timeout_s * 1000};
    cleanup_close int to = -1, from = -1;
    cleanup_close int its_in = -1, its_out = -1;
    int pair[2];

    if (in.n > PROGRAM_INPUT_MAX)
        return err_set(err, ERR_LIMIT, "too much to say to %s", argv[0]);
    if (pipe2(pair, O_CLOEXEC) < 0)
        return err_sys(err, "pipe");
    its_in = pair[0];
    to = pair[1];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return err_sys(err, "pipe");
    from = pair[0];
    its_out = pair[1];
    TRY(os_spawn(argv, its_in, its_out, -1, &p.pid, err));
    close_at(&its_in);
    close_at(&its_out);
    if (fd_write_all(to, in.p, in.n, err) < 0 && err->os_errno != EPIPE)
        return err_wrap(err, "%s", argv[0]); /* one that does not listen may still have answered */
    close_at(&to);
    TRY(read_answer(&p, from, out, err));
    return reap(&p, ret_status, err);
}
