/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/add_remote.h - what ADD fetches: files behind URLs, repositories.
 *
 * With a cache it is fetched when the step's key is made, and the step takes it from there: what is
 * in the layer is what the key was made of, whatever the server says the next time. A file that the
 * server says is still the one of an earlier build is fetched only if the step has to be made.
 */
#pragma once

#include "build/step_key.h"
#include "context/remote.h"

/* A mistake in --checksum that shows without fetching; words with variables are not judged. */
int add_checksum_check(Str checksum, Str source, Err *err) must_check;

/* Does the instruction itself say what will be there? Then its words are enough for a key. */
bool add_is_pinned(StageBuild *s, const Step *step, Str source);

/* For the key; 'r' has the expanded source. What is found, and what was fetched for it, is in r. */
int add_look(StageBuild *s, const Step *step, KeyRemote *r, Err *err) must_check;

/* For the copy: what was fetched for the key, or is fetched now, as it was then. */
typedef struct AddFetched {
    Context *context;
    bool owned; /* by the caller; else it is the key's */
} AddFetched;
int add_fetch(StageBuild *s, const Step *step, Str source, AddFetched *ret, Err *err) must_check;
