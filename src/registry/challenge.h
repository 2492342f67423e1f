/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry/challenge.h - what a 401 asks for: the WWW-Authenticate header (RFC 7235).
 *
 * Written for hostile input: never fails, never reads beyond the header; what cannot be understood
 * ends the list, and what was understood before it stands.
 */
#pragma once

#include "base/vec.h"

#define CHALLENGES_MAX       8u  /* of one header */
#define CHALLENGE_PARAMS_MAX 32u /* of one challenge */

typedef struct Challenge {
    Str scheme;  /* as written: "Bearer"; compare without case */
    Str token68; /* what a scheme such as Negotiate sends instead of parameters, or "" */
    KeyValueVec params;
} Challenge;

typedef VEC(Challenge) ChallengeVec;

/* Append the challenges of one header value. Parameter values live as long as the arena. */
void challenge_parse(Arena *a, Str header, ChallengeVec *ret);
void challenges_done(ChallengeVec *v);

bool challenge_is(const Challenge *c, const char *scheme);
Str challenge_param(const Challenge *c, const char *name); /* "" when absent; names without case */
