/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry/creds_env.h - credentials in environment variables, as kaniko and GitLab's runners set
 * them. Used by creds.c only.
 */
#pragma once

#include "base/vec.h"
#include "registry/creds.h"

/* Copy every variable that may hold a credential, so that they can be unset afterwards. */
void creds_env_load(Arena *a, KeyValueVec *ret);

/* host: canonical, with its port. */
bool creds_env_find(const KeyValueVec *variables, Str host, Credential *ret);
