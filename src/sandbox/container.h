/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/container.h - beside container_sign() in sandbox.h. Internal to sandbox/.
 */
#pragma once

#include "base/base.h"

/*
 * gVisor says in /proc/version that it is a Linux 4.4.0 of one certain second in 2016, whatever its
 * release.
 */
bool kernel_is_gvisor(void);
