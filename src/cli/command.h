/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/command.h - what all commands have in common: options, --help, the log, one line for a
 * failure, the exit status.
 */
#pragma once

#include "cli/options.h"

typedef struct CommandLine {
    Front front;
    const char *usage;                       /* printed before the options */
    int (*run)(const Settings *s, Err *err); /* 0, or an exit status that is no error; -1 */
    /*
     * Forks a launcher first, and does itself what is done around every other run(): memory hidden,
     * signals caught, temporary files removed in the end.
     */
    bool launches;
    bool as_root; /* in a user namespace if need be: what commands have made belongs to many ids */
} CommandLine;

/* Parse what follows the command's name and run it; returns the exit status. */
int command_main(const CommandLine *c, int argc, char **argv);

/* Its run() with what is done around it; for a command that another one turns into. */
int command_run(const CommandLine *c, const Settings *s, Err *err);

/* Print the line; returns the exit status that goes with it. */
int command_failed(const Err *err);

/* The commands that have a file of their own; a row of main.c's table each. */
int push_main(int argc, char **argv);
int login_main(int argc, char **argv);
int logout_main(int argc, char **argv);
int inspect_main(int argc, char **argv);
int index_main(int argc, char **argv);
int attach_main(int argc, char **argv);
int lint_main(int argc, char **argv);
int warm_main(int argc, char **argv);
int prune_main(int argc, char **argv);
int warmer_main(int argc, char **argv); /* a program's name */
