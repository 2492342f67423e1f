/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git/delta.h - an object made out of another one (gitformat-pack, "Deltified representation"):
 * copy a piece of the base, or take these bytes. Both pass in blocks, whatever their size.
 */
#pragma once

#include "git/objects.h"

/*
 * Write what 'in', to its end, makes of 'base', which is in the same spool. Where it stands then is
 * in 'ret'; its name is in the writer's hash. ERR_FORMAT for instructions that do not fit.
 */
int git_delta_apply(GitSpoolWriter *out, const GitObject *base, Reader *in, GitPart *ret, Err *err)
    must_check;
