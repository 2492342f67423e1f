/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry/creds.h - who we are to a registry: the credential files and variables, read once.
 *
 * Sources, in this order; the first that has something for the repository wins:
 *      DOCKER_AUTH_CONFIG                          the text of a config.json
 *      $DOCKER_CONFIG/config.json                  when it is there, no other file is looked at
 *      ~/.docker/config.json
 *      $REGISTRY_AUTH_FILE
 *      $XDG_RUNTIME_DIR/containers/auth.json
 *      ${XDG_CONFIG_HOME:-~/.config}/containers/auth.json
 *      /kaniko/.docker/config.json
 *      KILN_<HOST>_USER and _PASSWORD, KANIKO_...  the host in capitals, '-' as '_', '.' as '_';
 *                                                  then without its first label, and so on
 *      CI_REGISTRY_USER and _PASSWORD              for the host CI_REGISTRY names
 *
 * Within a file the key with the longest path that holds the repository wins: "host/team/app", then
 * "host/team", then "host". Keys may carry a scheme and Docker's "/v1/". Docker Hub has many names.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

typedef struct CredStore CredStore;

typedef struct Credential {
    Str username, password;
    Str identity_token; /* traded for access at the token endpoint, or "" */
    Str registry_token; /* a bearer token as it is, or "" */
    Str source;         /* file or variable, for messages; "" = nothing was found */
} Credential;           /* lives as long as the CredStore */

/* ERR_SYS, ERR_FORMAT, ERR_LIMIT wrapped with the file's name. */
int creds_load(CredStore **ret, Err *err) must_check;
void creds_free(CredStore *c);
CLEANUP_DEFINE(CredStore, creds_free);

/*
 * 1 = found, 0 = nothing known: go on without. ERR_UNSUPPORTED when only a credential helper could
 * tell; ERR_FORMAT when the entry is garbled.
 */
int creds_find(const CredStore *c, Str registry, Str repository, Credential *ret, Err *err)
    must_check;

/* "no credentials for HOST in A, B", for messages. */
Str creds_nothing_found(const CredStore *c, Str registry, Arena *a);

/* "https://index.docker.io/v1/" -> "docker.io"; scheme and API path cut, host in lower case. */
Str creds_canonical_key(Arena *a, Str key);
