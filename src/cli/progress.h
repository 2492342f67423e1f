/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/progress.h - what a build prints: plain lines on stderr, one step a line, made for logs.
 */
#pragma once

#include "build/build.h"

BuildEvents progress_events(bool quiet, bool dryrun);
void progress_summary(const BuildRequest *req, const BuildResult *r);
