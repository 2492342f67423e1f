/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/launcher.h - the builder's end of the launcher: start one run, wait for it, stop it when
 * kiln is told to stop.
 *
 * launcher_start() and launcher_stop() are in sandbox.h. Internal to sandbox/.
 *
 * Threads  any number may call launcher_run() at the same time; each run has a channel of its own.
 */
#pragma once

#include "sandbox/wire.h"

/*
 * Clone a supervisor with 'clone_flags' (CLONE_NEW*, 0 for none), give it the request and the two
 * descriptors (borrowed), and wait until the command and everything that it started are gone. *ret
 * is not touched by a probe.
 * Errors  whatever kept the command from being started; ERR_CANCELLED after a signal; ERR_SYS when
 *         the launcher is gone.
 */
int launcher_run(Launcher *l, int clone_flags, const RunRequest *req, int out_fd, int err_fd,
                 RunResult *ret, Err *err) must_check;
