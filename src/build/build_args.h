/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/build_args.h - build arguments that mean something to BuildKit itself and have no place of
 * their own here (spec/dockerfile 8.5).
 */
#pragma once

#include "build/builder.h"

/*
 * Is there one that asks for what cannot be done? ERR_UNSUPPORTED. BUILDKIT_SYNTAX stands for the
 * file's own syntax directive.
 */
int build_args_check(const Builder *b, const Dockerfile *d, Err *err) must_check;

/* Say which ones have no effect. */
void build_args_warn(const Builder *b);
