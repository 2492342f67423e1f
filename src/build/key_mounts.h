/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/key_mounts.h - the --mount flags of a RUN in its key: where each is and what it shows. Of
 * contexts their files; of stages and images what they are known by (StepCache.mounts). What is in
 * a cache is not part of it, nor are secrets: their ids are.
 */
#pragma once

#include "build/step_key.h"

int key_mounts_add(StageBuild *s, const Step *step, Contents *c, KeyMaker *k, StepCache *ret,
                   Err *err) must_check;
