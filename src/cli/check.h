/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/check.h - `kiln lint`, which looks at the Dockerfile and .dockerignore only, and `kiln build
 * --check`, which asks for the base images too. Neither builds anything.
 */
#pragma once

#include "cli/settings.h"

/* Does the command line of `kiln build` ask for a check instead? ERR_USAGE, ERR_UNSUPPORTED. */
int check_wanted(const Settings *s, bool *ret, Err *err) must_check;

/* Print the report. 0 nothing found, 1 findings. */
int check_run(const Settings *s, Err *err) must_check;
