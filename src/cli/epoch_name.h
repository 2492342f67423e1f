/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/epoch_name.h - SOURCE_DATE_EPOCH as the name of what has a time (spec/dockerfile 8.4): the
 * context, a named one, or a stage that is FROM scratch and has one ADD, from elsewhere, and ARGs.
 *
 * A repository is as old as the commit, a URL as its Last-Modified says. It is fetched for that,
 * and once more when the build uses it, but for the context itself.
 */
#pragma once

#include "cli/request.h"
#include "dockerfile/scope.h"

/*
 * 1 with the seconds, 0 when it has no time (a directory, an archive on this machine, a server that
 * does not say), 2 when the text names nothing of that kind. ERR_UNSUPPORTED for an image.
 */
int epoch_of_name(Request *r, const Scope *global, Str name, uint64_t *ret, Err *err) must_check;
