/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/ignored.h - --ignore-path: what of the root file system no step changes in the image.
 * What a RUN does below them is in no layer, and COPY and ADD put nothing there; what the base has
 * there stays. WORKDIR still makes its directory.
 *
 * A pattern is a path whose components are Go path.Match patterns; it stands for what it matches
 * and all below.
 */
#pragma once

#include "base/err.h"
#include "base/vec.h"

/* A pattern as the user writes it; ERR_USAGE. The result lives in the arena. */
int ignored_parse(Arena *a, Str text, Str *ret, Err *err) must_check;

/* 'path': within the root, clean. False where there is no pattern. */
bool ignored_holds(const StrVec *patterns, Str path);
