/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/digest_files.h - the files that tell the next job what was built, in kaniko's formats (spec
 * kaniko.md 6.1).
 */
#pragma once

#include "cli/request.h"

/* Before anything is built: can they be written? */
int digest_files_check(const Request *r, Err *err) must_check;
int digest_files_write(const Request *r, const BuildResult *result, Err *err) must_check;
