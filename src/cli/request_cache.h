/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/request_cache.h - what the options about caches ask for.
 */
#pragma once

#include "cli/request.h"

/* After the outputs: the default repository is below the first destination. */
int request_cache(Front front, const Settings *s, Request *r, Err *err) must_check;
