/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/secrets.h - --secret id=NAME[,src=FILE|,env=VAR][,type=file|env], as docker and kaniko have
 * it: with neither, the variable NAME if there is one, else the file NAME.
 *
 * The values are read once, before the build, and wiped with the request.
 */
#pragma once

#include "build/build.h"

int secrets_read(const StrVec *specs, BuildRequest *to, Err *err) must_check;
void secrets_forget(BuildRequest *r);
