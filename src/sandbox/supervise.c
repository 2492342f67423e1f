/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One supervisor per run. It holds the builder's channel and is a subreaper, or the init of the run's pid namespace, so it can do
 * what neither the builder (other runs' processes look the same from there) nor the command can: know when
 * everything the command started is gone. Its loop waits for three things: the command's end, a byte or the end of file on the
 * channel, and the two seconds between SIGTERM and SIGKILL.
 *
 * Why the command is not pid 1 itself: the kernel drops signals without a handler that are sent to pid 1 from inside (a
 * shell's "kill $$" would do nothing), and most programs do not reap orphans.
 */
#include "sandbox/supervise.h"

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "os/fd.h"
#include "sandbox/container.h"
#include "sandbox/hide.h"
#include "sandbox/kill.h"
#include "sandbox/mounts.h"
#include "sandbox/swap.h"

enum {
    STOP_GRACE_MS = 2000, /* from SIGTERM to SIGKILL */
    WAIT_FOR_EVER = -1
};

typedef struct Supervisor {
    int channel, out_fd, err_fd;
    Descendants below;
    bool own_pids;
    Swap swap;
    pid_t command;
    int status;      /* of the command, once it has ended */
    int64_t kill_ms; /* monotonic; 0: nobody has asked to stop */
} Supervisor;

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void reply_send(int channel, const RunReply *reply)
{
    const char *p = (const char *)reply;
    size_t at = 0;

    while (at < sizeof(*reply)) {
        ssize_t n = send(channel, p + at, sizeof(*reply) - at, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        at += (size_t)n;
    }
}

static int read_request(Supervisor *s, Arena *a, RunRequest *ret, Err *err)
{
    FdReader in = fd_reader(s->channel);
    uint32_t len = 0;
    size_t got = 0;
    char *text;

    TRY(reader_read_full(&in.r, &len, sizeof(len), &got, err));
    if (got < sizeof(len) || len > LIMIT_RUN_REQUEST)
        return err_set(err, ERR_FORMAT, "malformed request to run a command");
    text = arena_alloc(a, len, 1);
    TRY(reader_read_full(&in.r, text, len, &got, err));
    return run_request_parse((Str){text, got}, a, ret, err);
}

/* A new network namespace has a loopback device, switched off. */
static int loopback_up(Err *err)
{
    cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &r) < 0)
        return err_sys(err, "switch the loopback device on");
    return 0;
}

/* True when the command has ended. Orphans are reaped on the way. */
static bool reap_until_command(Supervisor *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == s->command) {
            s->status = status;
            return true;
        }
    }
    return false;
}

static void stop_command(Supervisor *s)
{
    if (s->kill_ms)
        return;
    s->kill_ms = now_ms() + STOP_GRACE_MS;
    (void)kill(s->own_pids ? -1 : -s->command, SIGTERM);
}

/* The builder speaks or is gone. */
static void hear_builder(Supervisor *s)
{
    char byte;
    ssize_t n = read(s->channel, &byte, 1);

    if (n < 0 && errno == EINTR)
        return;
    if (n == 1) {
        stop_command(s);
        return;
    }
    descendants_kill_all(&s->below);
    if (s->swap.dir) {
        Err ignored;
        uint64_t spoiled;

        (void)!swap_out(&s->swap, &spoiled, &ignored);
    }
    _exit(0);
}

static void wait_event(Supervisor *s)
{
    struct pollfd p = {.fd = s->channel, .events = POLLIN};
    int64_t left = s->kill_ms ? s->kill_ms - now_ms() : WAIT_FOR_EVER;
    struct timespec t = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
    sigset_t none;

    if (s->kill_ms && left <= 0) {
        descendants_kill(&s->below, SIGKILL, NULL);
        s->kill_ms = now_ms() + STOP_GRACE_MS; /* and again, for those that were just being born */
        return;
    }
    (void)sigemptyset(&none); /* SIGCHLD gets through only here, so none is missed */
    if (ppoll(&p, 1, s->kill_ms ? &t : NULL, &none) > 0)
        hear_builder(s);
}

static RunResult result_of(int status)
{
    if (WIFSIGNALED(status))
        return (RunResult){.exit_code = 128 + WTERMSIG(status), .term_signal = WTERMSIG(status)};
    return (RunResult){.exit_code = WEXITSTATUS(status)};
}

/* Fork the command; *ret_report reads what its set-up has to say: nothing once it has exec'ed. */
static int fork_command(Supervisor *s, const RunSpec *spec, int *ret_report, Err *err)
{
    int report[2];

    if (pipe2(report, O_CLOEXEC) < 0)
        return err_sys(err, "pipe");
    s->command = fork();
    if (s->command == 0)
        child_exec(spec, s->out_fd, s->err_fd, report[1]);
    (void)close(report[1]);
    if (s->command < 0) {
        (void)close(report[0]);
        return err_sys(err, "fork the command");
    }
    *ret_report = report[0];
    return 0;
}

static int run_command(Supervisor *s, const RunSpec *spec, RunReply *ret, Err *err)
{
    cleanup_close int report = -1;
    FdReader in;
    size_t got = 0;

    TRY(fork_command(s, spec, &report, err));
    close_at(&s->out_fd); /* their readers see the end when the command is through with them */
    close_at(&s->err_fd);
    in = fd_reader(report);
    TRY(reader_read_full(&in.r, ret, sizeof(*ret), &got, err));
    while (!reap_until_command(s))
        wait_event(s);
    descendants_kill_all(&s->below);
    if (got < sizeof(*ret))
        *ret = (RunReply){.result = result_of(s->status)};
    return 0;
}

/* What stands for mounts is there only while the command is. */
static int run_swapped(Supervisor *s, const RunRequest *req, RunReply *ret, Err *err)
{
    uint64_t spoiled = 0;
    int rc, back;
    Err other;

    TRY(swap_in(&s->swap, req, err));
    rc = run_command(s, &req->spec, ret, err);
    descendants_kill_all(&s->below);
    back = swap_out(&s->swap, &spoiled, rc < 0 ? &other : err);
    if (rc < 0 || back < 0)
        return -1;
    ret->result.spoiled = spoiled;
    return 0;
}

static int supervise(Supervisor *s, RunReply *ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    RunRequest req;

    descendants_watch(&s->below, kernel_is_gvisor());
    TRY(read_request(s, &a, &req, err));
    s->own_pids = req.own_pids;
    if (req.spec.network == RUN_NETWORK_NONE)
        TRY(loopback_up(err));
    if (req.root)
        TRY(mounts_enter(&req, err));
    if (req.probe)
        return 0;
    if (!req.root && req.spec.n_mounts > 0)
        return run_swapped(s, &req, ret, err);
    return run_command(s, &req.spec, ret, err);
}

_Noreturn void child_supervise(int channel, int out_fd, int err_fd, int ready_fd)
{
    Supervisor s = {.channel = channel, .out_fd = out_fd, .err_fd = err_fd};
    RunReply reply = {0};
    Err err = {0};
    char byte;

    hide_memory(); /* a change of identity, as in a new user namespace, undoes it */
    if (ready_fd >= 0 && read(ready_fd, &byte, 1) != 1)
        _exit(1); /* the launcher has said why */
    close_at(&ready_fd);
    if (supervise(&s, &reply, &err) < 0) {
        reply.failed = true;
        reply.err = err;
    }
    reply_send(channel, &reply);
    _exit(0);
}
