/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/kill.h - end every process below this one, whatever it did to get away.
 *
 * A process that has made itself a child subreaper (or is pid 1 of a namespace) inherits every orphan among its descendants, so
 * "below" is well-defined: whoever has this process among its ancestors. Internal to sandbox/.
 */
#pragma once

#include "base/vec.h"

typedef VEC(pid_t) PidVec;

/*
 * Send 'sig' to every descendant of the calling process, as far as they can be seen now. Descendants of (and) the pids in
 * 'keep' are left alone; NULL keeps none. As pid 1 of a namespace: to everyone in it.
 *   proc_fd   an open /proc; not used by pid 1
 */
void kill_descendants(int proc_fd, int sig, const PidVec *keep);

/*
 * Kill (SIGKILL) and reap until no descendant is left. Blocks as long as the kernel needs for it. The caller has SIGCHLD
 * blocked.
 */
void kill_and_reap_all(int proc_fd);
