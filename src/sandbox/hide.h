/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/hide.h - what other processes can learn of this one through /proc. For sandbox/ and
 * main().
 */
#pragma once

/*
 * First thing in main(): /proc/PID/cmdline shows only the program and its sub-command from now on,
 * /proc/PID/environ nothing. Arguments and environment live on as copies that are never freed;
 * returns the copy of argv.
 */
char **hide_arguments(int argc, char **argv);

/*
 * Wipe the memory that /proc/PID/environ and /proc/PID/cmdline show, and leave 'title' as the
 * command line. The environment is empty afterwards. For a process that will never need either
 * again.
 */
void hide_process(const char *title);

/*
 * Not dumpable: no core file; /proc/PID/{mem,environ,fd,root,...} and ptrace only for those with
 * CAP_SYS_PTRACE, which no RUN has. Undone by exec. Not in builds with AddressSanitizer, whose leak
 * check traces its own process.
 */
void hide_memory(void);
