/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/agent_proxy.h - RUN --mount=type=ssh: a socket for one command, with the user's ssh agent
 * behind it.
 *
 * The command may list the keys and have things signed; whatever else it asks for (add, remove or
 * lock keys) is answered with a failure and never reaches the agent. Messages as in
 * draft-ietf-sshm-ssh-agent: a length of four bytes, a type of one, the content.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

/* An agent that the user has given to the build. */
typedef struct SshAgent {
    Str id;
    int fd; /* O_PATH of its socket: the path may be moved away (inplace); owned by the request */
} SshAgent;

typedef struct AgentProxy AgentProxy;

/* Make the socket 'name' in the directory and serve it on a thread. 'agent_fd' is borrowed. */
int agent_proxy_start(int dir_fd, const char *name, int agent_fd, AgentProxy **ret, Err *err)
    must_check;
void agent_proxy_stop(AgentProxy *p);
