/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/cpu.h - how many processors are ours to use.
 */
#pragma once

#include "base/err.h"

/* That we may use: affinity, cgroup quota (v1 and v2) rounded up; >= 1. Looked up on every call. */
unsigned cpu_count(void);

/*
 * The cgroup quota alone, in processors rounded up, of the process whose "/" root_fd is:
 * proc/self/cgroup, proc/self/mountinfo and the cgroup mounts are looked up below it. 0 when there
 * is no limit or it cannot be known. A function of its own so that tests can show it any layout.
 */
unsigned cpu_quota_below(int root_fd);
