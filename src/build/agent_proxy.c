/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread for all connections, because a command is not to be trusted with the number of ours. The protocol has one request under
 * way at a time in each connection, so a connection is either collecting a request from the command or a reply from the agent.
 */
#include "build/agent_proxy.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/buf.h"
#include "os/pool.h"

enum {
    CONNECTIONS_MAX = 16,
    MESSAGE_MAX = 256 * 1024, /* as OpenSSH's */
    HEADER = 4,
    SEND_SECONDS = 10, /* a command that does not read its answer */
    /* types */
    AGENT_FAILURE = 5,
    AGENT_REQUEST_IDENTITIES = 11,
    AGENT_SIGN_REQUEST = 13,
};

typedef struct Connection {
    int client, agent;
    bool replying; /* 'text' comes from the agent */
    Buf text;      /* of the message under way */
} Connection;

struct AgentProxy {
    int listener, agent_fd, stop_fd;
    Pool *pool;
    Task *task;
    Connection v[CONNECTIONS_MAX];
    size_t n;
};

/* ---- messages ---- */

/* Bytes that the message has in all, as far as that is known by now. */
static size_t message_size(const Buf *text)
{
    const unsigned char *p = (const unsigned char *)text->p;

    if (text->n < HEADER)
        return HEADER;
    return HEADER + ((size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | (size_t)p[3]);
}

static bool send_all(int fd, const void *data, size_t n)
{
    const char *p = data;

    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool is_allowed(const Buf *request)
{
    return request->n > HEADER && (request->p[HEADER] == AGENT_REQUEST_IDENTITIES ||
                                   request->p[HEADER] == AGENT_SIGN_REQUEST);
}

/* A whole message is there. */
static bool hand_on(Connection *c)
{
    static const char failure[] = {0, 0, 0, 1, AGENT_FAILURE};
    bool sent;

    if (c->replying) {
        sent = send_all(c->client, c->text.p, c->text.n);
        c->replying = false;
    } else if (is_allowed(&c->text)) {
        sent = send_all(c->agent, c->text.p, c->text.n);
        c->replying = true;
    } else {
        sent = send_all(c->client, failure, sizeof(failure));
    }
    buf_truncate(&c->text, 0);
    return sent;
}

/* Read what is there of the message; false at the end of the connection. */
static bool receive(Connection *c)
{
    size_t want = message_size(&c->text) - c->text.n;
    char block[4096];
    ssize_t n = recv(c->replying ? c->agent : c->client, block,
                     want < sizeof(block) ? want : sizeof(block), 0);

    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    buf_append(&c->text, block, (size_t)n);
    if (message_size(&c->text) > MESSAGE_MAX)
        return false;
    return c->text.n < HEADER || c->text.n < message_size(&c->text) || hand_on(c);
}

/* ---- connections ---- */

static int connect_agent(int agent_fd)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d", agent_fd);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
        return -1;
    return steal_fd(&fd);
}

static void accept_one(AgentProxy *p)
{
    const struct timeval patience = {.tv_sec = SEND_SECONDS};
    cleanup_close int client = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    cleanup_close int agent = client < 0 ? -1 : connect_agent(p->agent_fd);

    if (agent < 0 || p->n == CONNECTIONS_MAX)
        return;
    (void)setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    p->v[p->n++] = (Connection){.client = steal_fd(&client),
                                .agent = steal_fd(&agent),
                                .text = BUF_INIT(HEADER + MESSAGE_MAX)};
}

static void drop(AgentProxy *p, size_t i)
{
    close_at(&p->v[i].client);
    close_at(&p->v[i].agent);
    buf_done(&p->v[i].text);
    p->v[i] = p->v[--p->n];
}

static int serve(void *arg, Err *err)
{
    AgentProxy *p = arg;

    (void)err;
    for (;;) {
        struct pollfd f[CONNECTIONS_MAX + 2] = {{.fd = p->stop_fd, .events = POLLIN},
                                                {.fd = p->listener, .events = POLLIN}};
        size_t n = p->n;

        for (size_t i = 0; i < n; i++)
            f[i + 2] = (struct pollfd){.fd = p->v[i].replying ? p->v[i].agent : p->v[i].client,
                                       .events = POLLIN};
        if (poll(f, n + 2, -1) < 0)
            continue; /* EINTR */
        if (f[0].revents)
            return 0;
        for (size_t i = n; i-- > 0;)
            if (f[i + 2].revents && !receive(&p->v[i]))
                drop(p, i);
        if (f[1].revents)
            accept_one(p);
    }
}

/* ---- the object ---- */

/* Named through the descriptor: a path may be longer than an address can hold. */
static int listen_at(int dir_fd, const char *name, Err *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 8) < 0)
        return err_sys(err, "make a socket for the ssh agent");
    return steal_fd(&fd);
}

int agent_proxy_start(int dir_fd, const char *name, int agent_fd, AgentProxy **ret, Err *err)
{
    cleanup_close int listener = listen_at(dir_fd, name, err), stop = -1;
    AgentProxy *p;

    if (listener < 0)
        return -1;
    stop = eventfd(0, EFD_CLOEXEC);
    if (stop < 0)
        return err_sys(err, "eventfd");
    p = NEW(AgentProxy);
    p->agent_fd = agent_fd;
    p->listener = steal_fd(&listener);
    p->stop_fd = steal_fd(&stop);
    p->pool = pool_new(1);
    p->task = pool_submit(p->pool, serve, p);
    *ret = p;
    return 0;
}

void agent_proxy_stop(AgentProxy *p)
{
    const uint64_t one = 1;
    Err ignored;

    if (!p)
        return;
    (void)!write(p->stop_fd, &one, sizeof(one));
    (void)!task_join(p->task, &ignored);
    pool_free(p->pool);
    while (p->n > 0)
        drop(p, p->n - 1);
    close_at(&p->listener);
    close_at(&p->stop_fd);
    free(p);
}
