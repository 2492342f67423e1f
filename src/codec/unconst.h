/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/unconst.h - for libraries that take a non-const pointer to what they only read.
 * Internal to codec/.
 */
#pragma once

#include <stdint.h>

static inline void *unconst(const void *p)
{
    return (void *)(uintptr_t)p;
}
