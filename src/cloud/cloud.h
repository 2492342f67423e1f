/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloud/cloud.h - who we are to Amazon, Google and Microsoft, as the machine, pod or files around
 * us say it. docs/credentials.md has what is looked for, in which order.
 *
 * When         cloud_new() reads every file and variable that may matter, because a build may
 *              replace '/' later. Trouble with them is kept until somebody asks for that cloud: a
 *              broken ~/.aws/config does not stop a build that has nothing to do with Amazon.
 *              Tokens are asked for over the network when they are needed and renewed before they
 *              expire; the token files that kubelet renews are read again through a descriptor
 *              of their directory.
 * Secrets      are kept in memory only, never logged and never part of a message.
 * Threads      any number of threads may use one Cloud.
 * Errors       ERR_AUTH when a service refuses us (with its words), ERR_FORMAT for files and
 *              answers, ERR_NET, ERR_UNSUPPORTED.
 */
#pragma once

#include "net/http.h"

typedef struct Cloud Cloud;

Cloud *cloud_new(void);
void cloud_free(Cloud *c);
CLEANUP_DEFINE(Cloud, cloud_free);

typedef enum CloudKind {
    CLOUD_NONE,
    CLOUD_AMAZON,
    CLOUD_GOOGLE,
    CLOUD_MICROSOFT,
} CloudKind;

/*
 * Whose registry is this? Whole labels count: gcr.io.example.com is nobody's. 'host' is in lower
 * case; a port makes it nobody's.
 */
CloudKind cloud_of_registry(Str host);

/* A way into a registry. */
typedef struct CloudLogin {
    Str username, password;
    Str identity_token; /* for the registry's token endpoint, or "" */
    Str source;         /* where it comes from, for messages */
} CloudLogin;

/*
 * 1 = *ret filled, its texts in 'a'; 0 = nothing around us says who we are, or it is no cloud's
 * registry; -1.
 */
int cloud_login(Cloud *c, Str host, Arena *a, CloudLogin *ret, Err *err) must_check;
