/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git/wire.h - how requests get to a git server and answers back: one row of operations for each
 * way.
 *
 *      http, https   a POST for every request (gitprotocol-http); credentials as Basic
 *      git           one connection, port 9418, nothing secret
 *      ssh           a program `ssh` of the machine, which knows keys, agents and known hosts
 *
 * Errors  ERR_NET, ERR_AUTH (credentials, host key: says what to do), ERR_HTTP, ERR_NOT_FOUND (no
 *         such repository), ERR_UNSUPPORTED (no ssh here).
 */
#pragma once

#include "git/url.h"
#include "net/http.h"

typedef struct GitCredentials {
    Str user, password; /* "" = none; for the host that was asked for, nobody else */
    Str token;          /* "" = none; known to servers under several user names */
} GitCredentials;

typedef struct GitWireOpts {
    HttpClient *http;
    const GitCredentials *credentials; /* NULL = none */
    bool skip_tls_verify;
    TransferFn progress; /* bytes of a pack, over HTTP; NULL */
} GitWireOpts;

typedef struct GitWire GitWire;
typedef struct GitWireOps {
    int (*open)(const GitUrl *url, const GitWireOpts *o, GitWire **ret, Err *err);
    /* The server's greeting, up to a flush packet. *ret lives until the next call. */
    int (*greeting)(GitWire *w, Reader **ret, Err *err);
    /* A request and its answer. The last answer must have been read to its end. */
    int (*ask)(GitWire *w, Str request, Reader **ret, Err *err);
    /* The cause, if the other side has ended for a reason that only it told, e.g. ssh. */
    int (*explain)(GitWire *w, Err *err);
    void (*free)(GitWire *w);
} GitWireOps;

struct GitWire {
    const GitWireOps *ops; /* first in each one's own struct */
    bool stateless;        /* every request stands for itself */
};

extern const GitWireOps git_wire_http, git_wire_tcp, git_wire_ssh;

int git_wire_open(const GitUrl *url, const GitWireOpts *o, GitWire **ret, Err *err) must_check;
void git_wire_free(GitWire *w);
CLEANUP_DEFINE(GitWire, git_wire_free);
