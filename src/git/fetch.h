/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git/fetch.h - one commit with its files from a git server: protocol version 2 (gitprotocol-v2),
 * or 0 where the server speaks no other (gitprotocol-pack).
 *
 * Asked for is the commit alone (depth 1). A server that does not give a commit which is no tip of
 * a branch or tag is asked for all of them, with their history.
 *
 * Errors  ERR_USAGE: no such ref (names some that there are), another commit than it must be. Else
 *         those of the wire, the packets and the pack, behind the repository's address.
 */
#pragma once

#include "git/objects.h"
#include "git/wire.h"

typedef struct GitFetched {
    GitId commit;
    GitId named; /* what 'ref' is at: an annotated tag, else the commit */
    Str ref;     /* its full name, or "" for a commit by its id; lives as long as the arena */
} GitFetched;

/* The commit that is meant, when the words say it by its whole id; or a tag of it. */
bool git_known_commit(const GitSpec *spec, GitId *ret);

/* Only ask which commit is meant: nothing of it is transferred. */
int git_resolve(Arena *a, const GitSpec *spec, const GitWireOpts *o, GitFetched *ret, Err *err)
    must_check;

/* 'depth': commits wanted; 0 = 1. */
int git_fetch(Arena *a, const GitSpec *spec, unsigned depth, const GitWireOpts *o, GitObjects *into,
              GitFetched *ret, Err *err) must_check;
