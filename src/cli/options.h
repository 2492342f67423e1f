/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/options.h - one table of options for all front ends. Adding an option is adding a row.
 *
 * Syntax is pflag's: --name value, --name=value, -f value, -fvalue; booleans take a value only with
 * '='; "--" ends the options.
 */
#pragma once

#include "cli/settings.h"

typedef enum Front {
    FRONT_BUILD = 1 << 0,    /* kiln build */
    FRONT_EXECUTOR = 1 << 1, /* executor: kaniko's command line */
    FRONT_PUSH = 1 << 2,
    FRONT_LOGIN = 1 << 3,
    FRONT_LOGOUT = 1 << 4,
    FRONT_INSPECT = 1 << 5,
    FRONT_INDEX = 1 << 6,
    FRONT_ATTACH = 1 << 7,
    FRONT_WARM = 1 << 8,
    FRONT_WARMER = 1 << 9, /* kaniko's command line */
    FRONT_PRUNE = 1 << 10,
    FRONT_LINT = 1 << 11,
} Front;

/*
 * Fill 'ret' from argv (without the program and sub-command names). ERR_USAGE with "did you mean".
 * Strings are borrowed from argv.
 */
int options_parse(Front front, int argc, char **argv, Settings *ret, Err *err) must_check;

/* The help text of a front end's options on stdout, in groups. */
void options_print_help(Front front);
