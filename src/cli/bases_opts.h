/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/bases_opts.h - the options about base images on a volume, alike for who fills it and who
 * reads it.
 */
#pragma once

#include "cache/bases.h"
#include "cli/settings.h"

/*
 * --cache-dir (default: /cache, as kaniko) and --cache-ttl (default: two weeks). Strings are
 * borrowed.
 */
int bases_opts_fill(const Settings *s, BasesOpts *ret, Err *err) must_check;
