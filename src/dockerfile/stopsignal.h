/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/stopsignal.h - is this the name or number of a signal? It is stored as it was written.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

/*
 * A number but 0, or a Linux name with or without SIG, in any case; else ERR_SYNTAX "invalid
 * signal: X".
 */
int stopsignal_check(Str signal, Err *err) must_check;
