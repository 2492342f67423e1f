/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/kill.h - end every process below this one, whatever it did to get away.
 *
 * A process that is a child subreaper (or pid 1 of a namespace) inherits every orphan among its
 * descendants, so "below" is well-defined: whoever has this process among its ancestors. Where the
 * kernel has no subreapers, orphans are known by what they cannot have: the session of kiln (see
 * kill.c).
 *
 * Internal to sandbox/. The caller has SIGCHLD blocked.
 */
#pragma once

#include "base/vec.h"

typedef VEC(pid_t) PidVec;

typedef struct Process {
    pid_t pid, parent, session;
    uint64_t start; /* with the pid, for ever the same process */
    char state;     /* 'Z': dead, not yet reaped by whoever should */
} Process;

typedef VEC(Process) ProcessVec;

typedef struct Descendants {
    int proc_fd; /* /proc, for later: a new root may have another */
    bool strays; /* no subreapers here: look for orphans elsewhere */
    pid_t session;
    ProcessVec before; /* with 'strays': who was there before there were any descendants */
} Descendants;

/*
 * Become a subreaper and be ready for the calls below; to be called before the first fork.
 *   find_strays  if orphans do not come to us, take those for ours that have appeared since and are
 *                in another session. Only for gVisor, where a sandbox has no other users: elsewhere
 *                that could be anybody
 */
void descendants_watch(Descendants *d, bool find_strays);
void descendants_done(Descendants *d);

/*
 * Send 'sig' to every descendant, as far as they can be seen now. The pids in 'keep' and what
 * descends from them are left alone; NULL keeps none. From pid 1 of a namespace: to everyone in it.
 */
void descendants_kill(const Descendants *d, int sig, const PidVec *keep);

/*
 * Kill (SIGKILL) and reap until no descendant is left. Blocks as long as the kernel needs for it.
 */
void descendants_kill_all(const Descendants *d);
