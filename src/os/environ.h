/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/environ.h - keep a copy of the environment's variables that matter to somebody: the originals
 * are wiped before a RUN could read them.
 */
#pragma once

#include "base/mem.h"
#include "base/vec.h"

/* Every variable whose name is wanted, in order, into 'arena'. */
void environ_copy(bool (*is_wanted)(Str name), Arena *arena, KeyValueVec *ret);
