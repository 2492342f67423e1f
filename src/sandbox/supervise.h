/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/supervise.h - the process that stands between the builder and one command, and the
 * command's own process.
 *
 *      supervisor   reads the request, enters its root, forks the command, reaps orphans, kills on
 *                   demand, and answers when nobody is left. Pid 1 of the run's pid namespace where
 *                   it has one.
 *      command      child_exec(): takes on the user, drops what is not its own, becomes the
 *                   program.
 *
 * Both are forks of the launcher and so have no secret of the builder to lose. Internal to
 * sandbox/.
 */
#pragma once

#include "sandbox/wire.h"

/*
 * The supervisor's life. The descriptors are the ones that came with the LaunchMsg.
 *   ready_fd  a pipe: one byte from the launcher says that the identity map is written; end of file
 *             that it failed. -1: no need to wait
 */
_Noreturn void child_supervise(int channel, int out_fd, int err_fd, int ready_fd);

/*
 * Become the command: new session, /dev/null as stdin, out_fd and err_fd, umask 0022, no core
 * dumps, the bounding set of capabilities that Docker gives, groups, ids, directory, default
 * signals; then exec.
 *   report_fd  close-on-exec; a failure is written there as a RunReply
 */
_Noreturn void child_exec(const RunSpec *spec, int out_fd, int err_fd, int report_fd);

/* Complete a reply and send it; a builder that is gone is no error. */
void reply_send(int channel, const RunReply *reply);
