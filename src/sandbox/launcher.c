/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher is a fork server. It exists because the builder must not be what a RUN descends from: by the time
 * a RUN is due the builder has threads (after which a child may not do much between fork and exec), registry
 * credentials in memory and a dozen descriptors open. The launcher was forked when there was none of that, wiped what the kernel
 * shows of it in /proc, and since then has done nothing but clone.
 *
 * Seen from the builder a run is: make a channel, send its other end and the two output descriptors to the launcher, write the
 * request into the channel, poll it and the signal descriptor, read the reply.
 */
#include "sandbox/launcher.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/num.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/signal.h"
#include "sandbox/hide.h"
#include "sandbox/kill.h"
#include "sandbox/proc.h"
#include "sandbox/supervise.h"

enum {
    LAUNCH_FDS = 3
};

struct Launcher {
    int socket; /* SOCK_SEQPACKET */
    pid_t pid;
};

/* ---- the launcher process ---- */

typedef struct Server {
    int socket;
    Descendants below;
    PidVec supervisors;
    bool orphaned; /* some supervisor did not end by itself: what it watched may be ours now */
} Server;

/* What close_range(2) does, for kernels before 5.9 and gVisor: only the descriptors that are open, there may be room for a million. */
static void close_open_from(int first)
{
    DIR *dir = opendir("/proc/self/fd");
    uint32_t fd;

    if (!dir)
        return;
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (num_parse_u32(str_from(e->d_name), &fd) && (int)fd >= first && (int)fd != dirfd(dir))
            (void)close((int)fd);
    (void)closedir(dir);
}

/* Everything but stdin, stdout, stderr and the socket, which becomes descriptor 3. */
static int keep_only(int socket)
{
    if (socket != 3) {
        (void)dup3(socket, 3, O_CLOEXEC);
        (void)close(socket);
    }
    if (close_range(4, ~0u, 0) < 0)
        close_open_from(4);
    return 3;
}

/* Descriptors 0 to 2 must be taken, or a descriptor that a run brings along would become its stdin. */
static void fill_standard_fds(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR); /* NOLINT(android-cloexec-open): meant to stay */
    while (fd >= 0 && fd < 3);
    close_at(&fd);
}

/* The terminal's Ctrl-C reaches every process of the group; only the builder decides what to kill. */
static void ignore_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    sigset_t none;

    signals_reset();
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        (void)signal(ignored[i], SIG_IGN);
    (void)sigemptyset(&none);
    (void)sigaddset(&none, SIGCHLD);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* fork() with namespaces. Only SIGCHLD and the CLONE_NEW* flags: the child runs on its copy of this stack. */
static pid_t clone_process(int flags)
{
#if defined(__s390__) || defined(__CRIS__)
    return (pid_t)syscall(SYS_clone, NULL, (unsigned long)(flags | SIGCHLD), NULL, NULL, NULL);
#else
    return (pid_t)syscall(SYS_clone, (unsigned long)(flags | SIGCHLD), NULL, NULL, NULL, NULL);
#endif
}

/* The ids of our own user namespace, each mapped to itself. */
static int write_identity_map(pid_t pid, const char *name, Err *err)
{
    cleanup_buf Buf own = BUF_INIT(BUF_SMALL), map = BUF_INIT(BUF_SMALL);
    cleanup_close int fd = -1;
    char path[64];
    IdMapLine line;

    (void)snprintf(path, sizeof(path), "/proc/self/%s", name);
    TRY(file_read(AT_FDCWD, path, &own, err));
    for (Str rest = buf_str(&own); id_map_next(&rest, &line);)
        buf_addf(&map, "%llu %llu %llu\n", (unsigned long long)line.inside,
                 (unsigned long long)line.inside, (unsigned long long)line.count);
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, map.p, map.n) != (ssize_t)map.n) /* the kernel wants it in one write */
        return err_sys(err, "%s of the new user namespace", name);
    return 0;
}

static int write_identity(pid_t pid, Err *err)
{
    TRY(write_identity_map(pid, "uid_map", err));
    return write_identity_map(pid, "gid_map", err);
}

/* In the child: the server's own descriptors are not for the supervisor. */
static _Noreturn void child_begin(Server *s, const int fds[LAUNCH_FDS], int ready[2])
{
    (void)close(s->socket);
    descendants_done(&s->below);
    close_at(&ready[1]);
    child_supervise(fds[0], fds[1], fds[2], ready[0]);
}

static int server_clone(Server *s, const LaunchMsg *msg, const int fds[LAUNCH_FDS], Err *err)
{
    int ready[2] = {-1, -1}, failed = 0;
    pid_t pid;

    if ((msg->clone_flags & CLONE_NEWUSER) && pipe2(ready, O_CLOEXEC) < 0)
        return err_sys(err, "pipe");
    pid = clone_process(msg->clone_flags);
    if (pid == 0)
        child_begin(s, fds, ready);
    close_at(&ready[0]);
    if (pid < 0) {
        failed = err_sys(err, msg->clone_flags & CLONE_NEWUSER ? "new user namespace"
                              : msg->clone_flags               ? "new namespaces"
                                                               : "fork");
    } else {
        vec_push(&s->supervisors, pid);
        if (msg->clone_flags & CLONE_NEWUSER)
            failed = write_identity(pid, err);
        if (!failed && ready[1] >= 0)
            (void)!write(ready[1], "", 1);
    }
    close_at(&ready[1]); /* without the byte the child leaves at once */
    return failed;
}

static void server_launch(Server *s, const LaunchMsg *msg, const int fds[LAUNCH_FDS])
{
    RunReply reply = {0};

    if (server_clone(s, msg, fds, &reply.err) == 0)
        return;
    reply.failed = true;
    reply_send(fds[0], &reply);
}

/* 1 with a message, 0 at the end of the builder, -1 for what is no message. */
static int server_receive(Server *s, LaunchMsg *ret, int ret_fds[LAUNCH_FDS])
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * LAUNCH_FDS)];
    struct iovec iov = {.iov_base = ret, .iov_len = sizeof(*ret)};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    struct cmsghdr *c;
    ssize_t n;

    do
        n = recvmsg(s->socket, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return 0;
    c = CMSG_FIRSTHDR(&m);
    if (n != sizeof(*ret) || !c || c->cmsg_type != SCM_RIGHTS ||
        c->cmsg_len != CMSG_LEN(sizeof(int) * LAUNCH_FDS))
        return -1;
    memcpy(ret_fds, CMSG_DATA(c), sizeof(int) * LAUNCH_FDS);
    return 1;
}

static void server_forget(Server *s, pid_t pid, int status)
{
    for (size_t i = 0; i < s->supervisors.n; i++) {
        if (s->supervisors.v[i] != pid)
            continue;
        s->supervisors.v[i] = s->supervisors.v[--s->supervisors.n];
        s->orphaned = s->orphaned || WIFSIGNALED(status);
        return;
    }
}

/*
 * Supervisors that have ended, and orphans that came to us. An orphan means that its supervisor was killed (out of memory) before
 * its work was done; nobody else will end what it left.
 */
static void server_reap(Server *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        server_forget(s, pid, status);
    if (pid == 0 && s->orphaned)
        descendants_kill(&s->below, SIGKILL, &s->supervisors);
}

/* The builder is gone. Supervisors see that on their own channels, kill what they watch, and end. */
static void server_finish(Server *s)
{
    int status;
    pid_t pid;

    while (s->supervisors.n > 0 && (pid = waitpid(-1, &status, 0)) > 0)
        server_forget(s, pid, status);
    descendants_kill_all(&s->below);
}

static void no_action(int sig)
{
    (void)sig;
}

/* Wait for the socket or a child's end. SIGCHLD is blocked except inside ppoll, so none is missed. */
static bool server_wait(Server *s)
{
    struct pollfd p = {.fd = s->socket, .events = POLLIN};
    sigset_t none;

    (void)sigemptyset(&none);
    return ppoll(&p, 1, NULL, &none) > 0;
}

static void server_loop(Server *s)
{
    int fds[LAUNCH_FDS], got;
    LaunchMsg msg;

    for (;;) {
        server_reap(s);
        if (!server_wait(s))
            continue;
        got = server_receive(s, &msg, fds);
        if (got == 0)
            return;
        if (got < 0)
            continue;
        server_launch(s, &msg, fds);
        for (int i = 0; i < LAUNCH_FDS; i++)
            (void)close(fds[i]);
    }
}

static _Noreturn void child_launcher(int socket)
{
    struct sigaction on_child = {.sa_handler = no_action}; /* SIG_DFL would not end ppoll */
    Server s = {.socket = keep_only(socket)};

    hide_process("kiln: launcher");
    hide_memory();
    ignore_signals();
    (void)sigaction(SIGCHLD, &on_child, NULL);
    (void)!chdir("/");                  /* pin no directory */
    descendants_watch(&s.below, false); /* who else is in this container is not for us to end */
    server_loop(&s);
    server_finish(&s);
    _exit(0);
}

/* ---- the builder's end ---- */

int launcher_start(Launcher **ret, Err *err)
{
    int pair[2];
    Launcher *l;
    pid_t pid;

    fill_standard_fds();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(err, "socketpair");
    pid = fork();
    if (pid == 0) {
        (void)close(pair[0]);
        child_launcher(pair[1]);
    }
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return err_sys(err, "fork the launcher");
    }
    hide_memory();
    l = NEW(Launcher);
    *l = (Launcher){.socket = pair[0], .pid = pid};
    *ret = l;
    return 0;
}

void launcher_stop(Launcher *l)
{
    if (!l)
        return;
    (void)close(l->socket);
    while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    free(l);
}

static int send_launch(Launcher *l, int clone_flags, const int fds[LAUNCH_FDS], Err *err)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * LAUNCH_FDS)] = {0};
    LaunchMsg msg = {.clone_flags = clone_flags};
    struct iovec iov = {.iov_base = &msg, .iov_len = sizeof(msg)};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    ssize_t n;

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * LAUNCH_FDS);
    memcpy(CMSG_DATA(c), fds, sizeof(int) * LAUNCH_FDS);
    do
        n = sendmsg(l->socket, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_sys(err, "the launcher does not answer");
    return 0;
}

/* A supervisor that could not begin closes its end early; its reply says more than EPIPE. */
static int send_request(int channel, const Buf *text, Err *err)
{
    size_t at = 0;

    while (at < text->n) {
        ssize_t n = send(channel, text->p + at, text->n - at, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
            return 0;
        if (n < 0)
            return err_sys(err, "send the request to run");
        at += (size_t)n;
    }
    return 0;
}

static int read_reply(int channel, RunReply *ret, Err *err)
{
    FdReader in = fd_reader(channel);
    size_t got = 0;

    TRY(reader_read_full(&in.r, ret, sizeof(*ret), &got, err));
    if (got < sizeof(*ret))
        return err_set(err, ERR_SYS,
                       "the process that watched the command was killed (out of memory?)");
    return 0;
}

/* Wait for the reply; pass a signal to kiln on, once. */
static void wait_reply(int channel)
{
    struct pollfd p[] = {{.fd = channel, .events = POLLIN}, {.fd = signal_fd(), .events = POLLIN}};

    for (;;) {
        if (poll(p, ARRAY_LEN(p), -1) < 0)
            continue; /* EINTR */
        if (p[0].revents)
            return;
        if (p[1].revents) {
            (void)send(channel, &(char){WIRE_STOP}, 1, MSG_NOSIGNAL);
            p[1].fd = -1; /* is readable for ever */
        }
    }
}

/* fds[0] is the supervisor's end; it must be closed here once it was sent, or its end could not be seen. */
static int open_channel(Launcher *l, int clone_flags, int out_fd, int err_fd, int *ret, Err *err)
{
    int pair[2], sent;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(err, "socketpair");
    sent = send_launch(l, clone_flags, (const int[]){pair[1], out_fd, err_fd}, err);
    (void)close(pair[1]);
    if (sent < 0) {
        (void)close(pair[0]);
        return -1;
    }
    *ret = pair[0];
    return 0;
}

int launcher_run(Launcher *l, int clone_flags, const RunRequest *req, int out_fd, int err_fd,
                 RunResult *ret, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_RUN_REQUEST);
    cleanup_close int channel = -1;
    uint32_t len = 0;
    RunReply reply;
    int sent;

    TRY(signal_check(err));
    buf_append(&text, &len, sizeof(len));
    TRY(run_request_format(req, &text, err));
    len = (uint32_t)(text.n - sizeof(len));
    memcpy(text.p, &len, sizeof(len));
    TRY(open_channel(l, clone_flags, out_fd, err_fd, &channel, err));
    sent = send_request(channel, &text, err);
    explicit_bzero(text.p, text.n); /* secrets */
    TRY(sent);
    wait_reply(channel);
    TRY(read_reply(channel, &reply, err));
    TRY(signal_check(err));
    if (reply.failed) {
        *err = reply.err;
        return -1;
    }
    if (ret)
        *ret = reply.result;
    return 0;
}
