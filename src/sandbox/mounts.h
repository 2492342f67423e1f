/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/mounts.h - inside fresh namespaces: make the mounts of a RUN and move into the root.
 *
 * What the command finds is what Docker's and BuildKit's containers have: /proc with the usual
 * masks, read-only /sys, a small /dev, the builder's /etc/resolv.conf and /etc/hosts. What it does
 * not find is any file of the builder: the old root is unmounted. Mount points are never made here
 * (mount_points.h does, and removes them again); where one is missing, it is skipped.
 *
 * Internal to sandbox/; for the supervisor, which is alone in its mount namespace.
 */
#pragma once

#include "sandbox/wire.h"

int mounts_enter(const RunRequest *req, Err *err) must_check;
