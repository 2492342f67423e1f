/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git://: one connection (gitprotocol-pack). Nothing is encrypted and nobody is asked who he is.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "git/pkt.h"
#include "git/wire.h"
#include "os/fd.h"
#include "os/signal.h"

#define GIT_PORT "9418"

enum {
    CONNECT_MS = 20000
};

typedef struct TcpWire {
    GitWire w;
    const GitUrl *url;
    int fd;
    FdReader in;
} TcpWire;

static int finish_connect(int fd, Err *err)
{
    struct pollfd p[2] = {{.fd = fd, .events = POLLOUT}, {.fd = signal_fd(), .events = POLLIN}};
    int e = 0, n = poll(p, 2, CONNECT_MS);
    socklen_t size = sizeof(e);

    TRY(signal_check(err));
    if (n == 0)
        return err_set(err, ERR_NET, "the server does not answer");
    if (n < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &size) < 0)
        return err_sys(err, "connect");
    if (e)
        return err_set(err, ERR_NET, "%s", strerror(e));
    return 0;
}

static int connect_to(const struct addrinfo *at, int *ret_fd, Err *err)
{
    cleanup_close int fd =
        socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);

    if (fd < 0)
        return err_sys(err, "socket");
    if (connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
        if (errno != EINPROGRESS)
            return err_set(err, ERR_NET, "%s", strerror(errno));
        TRY(finish_connect(fd, err));
    }
    *ret_fd = steal_fd(&fd);
    return 0;
}

/* Every address of the name, in turn. */
static int connect_any(const char *host, const char *port, int *ret_fd, Err *err)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *all = NULL;
    int e = getaddrinfo(host, port, &want, &all), rc = -1;

    if (e != 0)
        return err_set(err, ERR_NET, "%s", gai_strerror(e));
    for (const struct addrinfo *at = all; at && rc < 0; at = at->ai_next)
        rc = connect_to(at, ret_fd, err);
    freeaddrinfo(all);
    return rc;
}

/* "git-upload-pack /path NUL host=HOST NUL NUL version=2 NUL" */
static int say_hello(TcpWire *w, Err *err)
{
    cleanup_buf Buf words = BUF_INIT(BUF_SMALL), packet = BUF_INIT(BUF_SMALL);
    const GitUrl *u = w->url;

    buf_addf(&words, "git-upload-pack " STR_FMT, STR_ARG(u->path));
    buf_add_char(&words, '\0');
    buf_addf(&words, "host=" STR_FMT "%s" STR_FMT, STR_ARG(u->host), u->port.n ? ":" : "",
             STR_ARG(u->port));
    buf_add(&words, (Str){"\0\0version=2", 12});
    buf_addf(&packet, "%04zx", words.n + 4);
    buf_add(&packet, buf_str(&words));
    if (packet.n > PKT_MAX)
        return err_set(err, ERR_USAGE, "the address is too long");
    return fd_write_all(w->fd, packet.p, packet.n, err);
}

static int tcp_greeting(GitWire *self, Reader **ret, Err *err)
{
    TcpWire *w = (TcpWire *)self;

    w->in = fd_reader(w->fd);
    *ret = &w->in.r;
    return say_hello(w, err);
}

static int tcp_ask(GitWire *self, Str request, Reader **ret, Err *err)
{
    TcpWire *w = (TcpWire *)self;

    *ret = &w->in.r;
    return fd_write_all(w->fd, request.p, request.n, err);
}

static int tcp_explain(GitWire *self, Err *err)
{
    (void)self;
    (void)err;
    return -1;
}

static void tcp_free(GitWire *self)
{
    TcpWire *w = (TcpWire *)self;

    close_at(&w->fd);
    free(w);
}

static int tcp_open(const GitUrl *url, const GitWireOpts *o, GitWire **ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    const char *host = str_dup_in(&a, url->host).p;
    const char *port = url->port.n ? str_dup_in(&a, url->port).p : GIT_PORT;
    TcpWire *w;
    int fd;

    (void)o;
    if (connect_any(host, port, &fd, err) < 0)
        return err_wrap(err, STR_FMT ": connect", STR_ARG(url->shown));
    w = NEW(TcpWire);
    w->w = (GitWire){.ops = &git_wire_tcp};
    w->url = url;
    w->fd = fd;
    *ret = &w->w;
    return 0;
}

const GitWireOps git_wire_tcp = {tcp_open, tcp_greeting, tcp_ask, tcp_explain, tcp_free};
