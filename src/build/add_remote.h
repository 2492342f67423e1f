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

/* 'source' is expanded; 'known': see RemoteOpts. Owned by caller. */
int add_fetch(StageBuild *s, const Step *step, Str source, const RemoteStamp *known, Context **ret,
              Err *err) must_check;
/* What was fetched for the key, or is known and fetched now; borrowed. *ret NULL = nothing was. */
int add_fetched(Builder *b, const Step *step, Str source, Context **ret, Err *err) must_check;
