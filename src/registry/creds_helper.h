/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry/creds_helper.h - docker-credential-NAME programs, as docker runs them: the server on
 * standard input of "get", JSON on standard output. Used by creds_files.c only.
 *
 * Each server is asked for once and its answer kept, for every request of a build asks again, and
 * because the program is gone when "/" is the base image's.
 */
#pragma once

#include "registry/creds.h"

typedef struct CredHelpers CredHelpers;

CredHelpers *cred_helpers_new(void);
void cred_helpers_free(CredHelpers *h);

/*
 * 1 = found, 0 = it says that it knows nothing. ERR_AUTH "docker-credential-NAME: ..." with its own
 * words, ERR_NOT_FOUND when it is not installed, ERR_FORMAT. Strings live as long as 'h'.
 */
int cred_helper_get(CredHelpers *h, Str name, Str server, Credential *ret, Err *err) must_check;

void cred_helpers_seal(CredHelpers *h, bool sealed);
