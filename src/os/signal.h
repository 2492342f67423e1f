/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/signal.h - SIGINT, SIGTERM, SIGHUP as a flag and a descriptor, so that work stops in order.
 *
 * Install once in main. The first signal asks to stop; blocking calls of kiln poll signal_fd()
 * beside their own descriptor, loops ask signal_check(). A third signal kills at once. A signal
 * that was ignored when kiln was started (nohup) stays ignored. SIGPIPE is ignored: a pipe nobody
 * reads is an error of write(2).
 */
#pragma once

#include "base/err.h"

int signals_install(Err *err) must_check;
int signal_fd(void); /* readable once a signal has come (never drained); -1 when not installed */
int signal_caught(void); /* the signal's number, 0 while there was none */

/* ERR_CANCELLED "stopped by SIGTERM" once a signal has come, else 0. */
int signal_check(Err *err) must_check;

/*
 * What is under way is not wanted any more, because another part of it has failed: from now on
 * signal_check() fails and what waits comes back, in all threads, as if a signal had come.
 */
void signal_stop(void);

/* For a forked child before exec: default dispositions, empty mask. Async-signal-safe. */
void signals_reset(void);
