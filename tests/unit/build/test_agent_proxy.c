/* SPDX-License-Identifier: Apache-2.0 */
/* What passes between a command and the user's ssh agent, and what does not. The agent is played by the test. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "build/agent_proxy.h"
#include "os/file.h"
#include "test.h"

typedef struct Scene {
    char dir[32];
    int dir_fd, listener, agent_fd;
    AgentProxy *proxy;
} Scene;

static struct sockaddr_un address(const Scene *s, const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", s->dir, name);
    return a;
}

static void begin(Scene *s)
{
    struct sockaddr_un at;
    Err err;

    *s = (Scene){.dir = "/tmp/kiln-agent.XXXXXX"};
    CHECK(mkdtemp(s->dir));
    s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at = address(s, "agent");
    CHECK(bind(s->listener, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
          listen(s->listener, 4) == 0);
    s->agent_fd = openat(s->dir_fd, "agent", O_PATH | O_CLOEXEC);
    CHECK_OK(agent_proxy_start(s->dir_fd, "proxy", s->agent_fd, &s->proxy, &err));
}

static void end(Scene *s)
{
    Err err;

    agent_proxy_stop(s->proxy);
    close_at(&s->agent_fd);
    close_at(&s->listener);
    close_at(&s->dir_fd);
    CHECK_OK(dir_remove_all(AT_FDCWD, s->dir, &err));
}

static int connect_client(const Scene *s)
{
    struct sockaddr_un to = address(s, "proxy");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0);
    return fd;
}

static void say(int fd, Str bytes)
{
    CHECK(write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n);
}

static void hear(int fd, Str want)
{
    char got[64];
    size_t n = 0;

    while (n < want.n) {
        ssize_t more = read(fd, got + n, want.n - n);

        CHECK(more > 0);
        n += (size_t)more;
    }
    CHECK_STR(((Str){got, n}), want);
}

TEST(keys_are_listed_and_used)
{
    int client, agent;
    Scene s;

    begin(&s);
    client = connect_client(&s);
    agent = accept(s.listener, NULL, NULL);
    CHECK(agent >= 0);
    say(client, S("\0\0\0\1\13"));
    hear(agent, S("\0\0\0\1\13"));
    say(agent, S("\0\0\0\5\14\0\0\0\0"));
    hear(client, S("\0\0\0\5\14\0\0\0\0"));
    say(client, S("\0\0")); /* in pieces */
    say(client, S("\0\4\15sig"));
    hear(agent, S("\0\0\0\4\15sig"));
    say(agent, S("\0\0\0\1\16"));
    hear(client, S("\0\0\0\1\16"));
    close_at(&client);
    close_at(&agent);
    end(&s);
}

TEST(nothing_else_reaches_the_agent)
{
    int client, agent;
    Scene s;

    begin(&s);
    client = connect_client(&s);
    agent = accept(s.listener, NULL, NULL);
    say(client, S("\0\0\0\1\23")); /* remove all */
    hear(client, S("\0\0\0\1\5"));
    say(client, S("\0\0\0\4\21key\0\0\0\0")); /* add; then a message without a type */
    hear(client, S("\0\0\0\1\5\0\0\0\1\5"));
    say(client, S("\0\0\0\1\13"));
    hear(agent, S("\0\0\0\1\13")); /* the first thing that it hears */
    close_at(&client);
    close_at(&agent);
    end(&s);
}

TEST(too_much_ends_the_connection)
{
    char byte;
    Scene s;
    int client;

    begin(&s);
    client = connect_client(&s);
    say(client, S("\377\377\377\377"));
    CHECK(read(client, &byte, 1) == 0);
    close_at(&client);
    client = connect_client(&s); /* the next one is served */
    say(client, S("\0\0\0\1\1"));
    hear(client, S("\0\0\0\1\5"));
    end(&s); /* while it is open */
    CHECK(read(client, &byte, 1) == 0);
    close_at(&client);
}

TEST_MAIN(T(keys_are_listed_and_used), T(nothing_else_reaches_the_agent),
          T(too_much_ends_the_connection))
