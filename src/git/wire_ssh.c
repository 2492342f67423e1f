/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh://: the program `ssh`, with the keys, the agent and the known hosts of whoever runs the
 * build. It never asks anything: an unknown host or a missing key is an error that says what to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "git/wire.h"
#include "os/fd.h"
#include "os/spawn.h"

typedef struct SshWire {
    GitWire w;
    const GitUrl *url;
    pid_t pid;      /* also of its process group */
    int to, from;   /* its standard input and output */
    int complaints; /* a file: its standard error */
    FdReader in;
} SshWire;

static void quote(Str s, Buf *out)
{
    buf_add_char(out, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'')
            buf_add_z(out, "'\\''");
        else
            buf_add_char(out, s.p[i]);
    }
    buf_add_char(out, '\'');
}

static void command_line(const SshWire *w, Arena *a, const char *argv[16])
{
    cleanup_buf Buf remote = BUF_INIT(BUF_SMALL);
    const GitUrl *u = w->url;
    size_t n = 0;

    buf_add_z(&remote, "git-upload-pack ");
    /* "/~user/x" is git's way to say "~user/x" in a URL */
    quote(str_starts(u->path, S("/~")) ? str_skip(u->path, 1) : u->path, &remote);
    argv[n++] = "ssh";
    argv[n++] = "-oBatchMode=yes";
    argv[n++] = "-oConnectTimeout=20";
    argv[n++] = "-oSetEnv=GIT_PROTOCOL=version=2"; /* if the server lets it through */
    if (u->port.n) {
        argv[n++] = "-p";
        argv[n++] = str_dup_in(a, u->port).p;
    }
    if (u->user.n) {
        argv[n++] = "-l";
        argv[n++] = str_dup_in(a, u->user).p;
    }
    argv[n++] = "--";
    argv[n++] = str_dup_in(a, u->host).p;
    argv[n++] = str_dup_in(a, buf_str(&remote)).p;
    argv[n] = NULL;
}

static int spawn(SshWire *w, int in, int out, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    const char *argv[16];

    command_line(w, &a, argv);
    if (os_spawn(argv, in, out, w->complaints, &w->pid, err) == 0)
        return 0;
    w->pid = 0;
    if (err->kind != ERR_NOT_FOUND)
        return -1;
    return err_set(err, ERR_UNSUPPORTED,
                   STR_FMT ": there is no program ssh here: use https:// with GIT_TOKEN, or an "
                           "image that has ssh",
                   STR_ARG(w->url->shown));
}

static int start(SshWire *w, Err *err)
{
    cleanup_close int in = -1, out = -1;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, "make a pipe");
    in = ends[0];
    w->to = ends[1];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, "make a pipe");
    w->from = ends[0];
    out = ends[1];
    return spawn(w, in, out, err);
}

static int ssh_greeting(GitWire *self, Reader **ret, Err *err)
{
    SshWire *w = (SshWire *)self;

    (void)err;
    w->in = fd_reader(w->from);
    *ret = &w->in.r;
    return 0;
}

static int ssh_ask(GitWire *self, Str request, Reader **ret, Err *err)
{
    SshWire *w = (SshWire *)self;

    *ret = &w->in.r;
    return fd_write_all(w->to, request.p, request.n, err);
}

static Str last_line(Str text)
{
    Str line = S("");

    for (Str rest = str_trim(text), l; str_next(&rest, '\n', &l);)
        if (str_trim(l).n)
            line = str_trim(l);
    return line;
}

/* What ssh said, and what helps. */
static int ssh_explain(GitWire *self, Err *err)
{
    SshWire *w = (SshWire *)self;
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    char block[4096];
    const char *remedy = "";
    Err ignored;
    size_t n;

    if (w->pid > 0)
        while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    w->pid = 0;
    if (fd_pread_full(w->complaints, block, sizeof(block), 0, &n, &ignored) < 0 || n == 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        buf_add_char(&text,
                     block[i] == '\n' || (block[i] >= ' ' && block[i] < 127) ? block[i] : ' ');
    if (str_contains(buf_str(&text), S("Host key verification failed")))
        remedy = " (the host is not in ~/.ssh/known_hosts, or has another key than there: add the "
                 "line that its owner publishes)";
    else if (str_contains(buf_str(&text), S("Permission denied")))
        remedy = " (it wants a key that it knows: an agent in SSH_AUTH_SOCK, or a key in ~/.ssh)";
    return err_set(err, ERR_AUTH, STR_FMT ": ssh: " STR_FMT "%s", STR_ARG(w->url->shown),
                   STR_ARG(last_line(buf_str(&text))), remedy);
}

static void ssh_free(GitWire *self)
{
    SshWire *w = (SshWire *)self;

    close_at(&w->to);
    close_at(&w->from);
    close_at(&w->complaints);
    if (w->pid > 0) {
        (void)kill(-w->pid, SIGTERM);
        while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    free(w);
}

static int open_complaints(int *ret_fd, Err *err)
{
    int fd = memfd_create("ssh", MFD_CLOEXEC);

    if (fd < 0)
        return err_sys(err, "memfd_create");
    *ret_fd = fd;
    return 0;
}

static int ssh_open(const GitUrl *url, const GitWireOpts *o, GitWire **ret, Err *err)
{
    SshWire *w = NEW(SshWire);
    cleanup_with(git_wire_free_at) GitWire *guard = &w->w;

    (void)o;
    w->w = (GitWire){.ops = &git_wire_ssh};
    w->url = url;
    w->to = w->from = w->complaints = -1;
    TRY(open_complaints(&w->complaints, err));
    TRY(start(w, err));
    *ret = steal_ptr(&guard);
    return 0;
}

const GitWireOps git_wire_ssh = {ssh_open, ssh_greeting, ssh_ask, ssh_explain, ssh_free};
