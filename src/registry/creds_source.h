/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry/creds_source.h - one way of knowing who we are to a registry: a row of the table in
 * creds.c. Adding one is adding a file creds_NAME.c and a row.
 *
 * Lookalikes  a source that knows hosts by their names must match whole labels from the end:
 *             "gcr.io" and "eu.gcr.io", but neither "xgcr.io" nor "gcr.io.example".
 */
#pragma once

#include "base/buf.h"
#include "registry/creds.h"

/* What is asked. */
typedef struct CredAsk {
    Str host;       /* canonical: lower case, its port, "docker.io" whatever the Hub was called */
    Str repository; /* "" = of the host as such */
} CredAsk;

typedef struct CredSource {
    const char *name; /* for --credential-helpers; NULL = always asked */

    /*
     * Read what must be read while the container's "/" is there: variables (they are unset later,
     * so copy them) and files. *ret stays NULL when it has nothing to say for any registry. A
     * source that needs the network makes its HttpClient here.
     */
    int (*load)(void **ret, Err *err);

    /*
     * The nth credential for this (0 = the one to try first): 1 = *ret filled, 0 = there are no
     * more, -1 = there is one but it cannot be had; the caller goes on with the next. The strings
     * live as long as the state. Called by several threads at once; slow answers are to be
     * remembered, for every request asks again.
     */
    int (*find)(void *state, const CredAsk *ask, unsigned nth, Credential *ret, Err *err);

    /* Where it looked, added to "no credentials for HOST"; may be NULL. */
    void (*describe)(void *state, Buf *out);

    /* "/" is about to be replaced (or is back): run no program, read no file. May be NULL. */
    void (*seal)(void *state, bool sealed);

    void (*free)(void *state);
} CredSource;

/* creds_files.c: DOCKER_AUTH_CONFIG, the files of docker and podman, and the helpers they name. */
extern const CredSource cred_source_files;
/* creds_env.c */
extern const CredSource cred_source_env, cred_source_gitlab;
/* creds_cloud.c */
extern const CredSource cred_source_google, cred_source_ecr, cred_source_acr;

/* "eu.gcr.io" is below "gcr.io", and so is "gcr.io" itself; a port does not matter. */
bool cred_host_is_below(Str host, Str domain);
