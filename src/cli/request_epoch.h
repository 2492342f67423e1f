/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/request_epoch.h - SOURCE_DATE_EPOCH (spec/dockerfile 8.4): the time that what is new in an
 * image is set back to. The first of these that is there counts: the build argument, the
 * environment, an ARG with a default before the first FROM; --reproducible stands for 0.
 */
#pragma once

#include "cli/request.h"

/*
 * After the Dockerfile and the context are there. A name stands for the time of what it names
 * (cli/epoch_name.h). The number becomes the build argument, so that an ARG SOURCE_DATE_EPOCH in a
 * stage has it. ERR_USAGE, ERR_UNSUPPORTED, and those of fetching.
 */
int request_epoch(const Settings *s, Request *r, Err *err) must_check;
