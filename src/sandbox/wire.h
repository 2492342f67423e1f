/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/wire.h - what the builder, the launcher and a run's supervisor say to each other.
 *
 *      builder --- LaunchMsg + descriptors --> launcher     one datagram per run
 *         ^                                        | clone
 *         |                                        v
 *         +---- channel: RunRequest, WIRE_STOP, RunReply --> supervisor --> the command
 *
 * The launcher only clones; everything about a run goes over the run's own channel, a stream socket
 * between the builder and the supervisor. End of file on it means for the supervisor that the
 * builder is gone: kill and leave.
 *
 * Internal to sandbox/.
 */
#pragma once

#include "base/buf.h"
#include "sandbox/sandbox.h"

/* One encoded RunRequest. The kernel takes at most 6 MiB of arguments and environment. */
#define LIMIT_RUN_REQUEST ((size_t)8 << 20)

enum {
    WIRE_STOP = 'T' /* one byte, builder to supervisor: SIGTERM now, SIGKILL two seconds later */
};

/* Goes with three descriptors: channel, stdout, stderr. */
typedef struct LaunchMsg {
    int clone_flags; /* CLONE_NEW*; with CLONE_NEWUSER the launcher writes an identity map */
} LaunchMsg;

typedef struct RunRequest {
    RunSpec spec;
    const char *root;   /* absolute path of the directory to pivot into; NULL: stay in "/" */
    const char *resolv; /* bound over etc/resolv.conf; NULL: nothing is */
    const char *hosts;  /* bound over etc/hosts; NULL: nothing is */
    /* a directory for what mounts need on disk (asked_mounts.h, swap.h); NULL: none do */
    const char *scratch;
    bool own_pids; /* the supervisor is pid 1 of a new pid namespace */
    bool probe;    /* set everything up, run nothing, say that it works */
} RunRequest;

/* Append the encoded request; ERR_LIMIT beyond to->max. */
int run_request_format(const RunRequest *r, Buf *to, Err *err) must_check;

/*
 * Everything in *ret lives as long as the arena; 'text' may go. ERR_FORMAT when it is not what the
 * above wrote.
 */
int run_request_parse(Str text, Arena *a, RunRequest *ret, Err *err) must_check;

typedef struct RunReply {
    bool failed; /* err counts, else result */
    union {
        RunResult result;
        Err err; /* fork only, never exec: err.where points into the same image */
    };
} RunReply;

/* The supervisor's child sends its reply through a pipe in one piece. */
_Static_assert(sizeof(RunReply) <= PIPE_BUF, "RunReply must fit one atomic pipe write");
