/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context/remote.h - what ADD fetches from elsewhere (spec/dockerfile 5.4), each as a Context: one
 * file in its root, or the files of a repository.
 */
#pragma once

#include "context/context.h"

typedef enum RemoteKind {
    REMOTE_NONE, /* a path */
    REMOTE_FILE, /* http(s) */
    REMOTE_GIT,  /* git://, ssh://, user@host:path, http(s) with a path that ends in .git */
} RemoteKind;

RemoteKind remote_kind(Str source);

typedef struct RemoteOpts {
    Str checksum; /* of a file "sha256:HEX", of a repository a commit; "" = none */
    GitSwitch keep_git_dir;
} RemoteOpts;

/* Is it one that a file can have? ERR_USAGE. */
int remote_checksum_check(Str text, Err *err) must_check;

/* For people and histories: without a password. Lives as long as the arena. */
Str remote_redacted(Arena *a, Str source) must_check;

/*
 * Fetch it. The only entry is a file named after the URL's last element, mode 0600, as old as the
 * server says. ERR_DIGEST "digest mismatch".
 */
int remote_file_open(Str url, const RemoteOpts *r, const ContextOpts *o, Context **ret, Err *err)
    must_check;

/* Fetch a repository, or a directory of it. */
int remote_git_open(Str source, const RemoteOpts *r, const ContextOpts *o, Context **ret, Err *err)
    must_check;
