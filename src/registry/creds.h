/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry/creds.h - who we are to a registry.
 *
 * Sources, in this order (the table in creds.c; registry/creds_source.h):
 *      DOCKER_AUTH_CONFIG                          the text of a config.json
 *      $DOCKER_CONFIG/config.json                  when it is there, no other file is looked at
 *      ~/.docker/config.json
 *      $REGISTRY_AUTH_FILE
 *      $XDG_RUNTIME_DIR/containers/auth.json
 *      ${XDG_CONFIG_HOME:-~/.config}/containers/auth.json
 *      /kaniko/.docker/config.json
 *      KILN_<HOST>_USER and _PASSWORD, KANIKO_...  the host in capitals, '-' as '_', '.' as '_';
 *                                                  then without its first label, and so on
 *      Google, Amazon ECR, Azure ACR               what the machine, pod or job around us says
 *                                                  (docs/credentials.md)
 *      CI_REGISTRY_USER and _PASSWORD              for the host CI_REGISTRY names
 *
 * Within a file the keys that hold the repository are taken from the longest path to the host:
 * "host/team/app", "host/team", "host". Keys may carry a scheme and Docker's "/v1/"; Docker Hub has
 * many names. For each key: its credHelpers program, then its entry; for the host also credsStore.
 *
 * There may be several candidates. The caller tries them in order until one is let in.
 */
#pragma once

#include "base/err.h"
#include "base/vec.h"

typedef struct CredStore CredStore;

typedef struct Credential {
    Str username, password;
    Str identity_token; /* traded for access at the token endpoint, or "" */
    Str registry_token; /* a bearer token as it is, or "" */
    Str source;         /* file, variable or program, for messages; "" = nothing was found */
} Credential;           /* lives as long as the CredStore */

#define CREDENTIAL_NONE ((Credential){S(""), S(""), S(""), S(""), S("")})

/*
 * Reads files and variables, once. only: names of the sources to be asked besides the files ("env",
 * "gitlab", ...); NULL = all.
 * ERR_SYS, ERR_FORMAT, ERR_LIMIT wrapped with the file's name.
 */
int creds_load(const StrVec *only, CredStore **ret, Err *err) must_check;
void creds_free(CredStore *c);
CLEANUP_DEFINE(CredStore, creds_free);

/*
 * The nth candidate (0 = the first to try): 1 = found, 0 = there is no such: go on without. -1 only
 * when there is no candidate at all and a source that should have had one failed: a credential
 * helper, a garbled entry.
 */
int creds_find(const CredStore *c, Str registry, Str repository, unsigned nth, Credential *ret,
               Err *err) must_check;

/* "no credentials for HOST in A, B", for messages. */
Str creds_nothing_found(const CredStore *c, Str registry, Arena *a);

/*
 * From now on no program is run and no file is read, because "/" is somebody else's; false ends
 * that. What was asked for before is remembered.
 */
void creds_seal(const CredStore *c, bool sealed);

/* Is there a source by that name, for --credential-helpers? */
bool creds_source_known(Str name);
/* "env, gitlab", for messages. */
Str creds_source_names(Arena *a);

/* "https://index.docker.io/v1/" -> "docker.io"; scheme and API path cut, host in lower case. */
Str creds_canonical_key(Arena *a, Str key);
