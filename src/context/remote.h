/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context/remote.h - what ADD fetches from elsewhere (spec/dockerfile 5.4), each as a Context: one
 * file in its root, or the files of a repository.
 */
#pragma once

#include "context/context.h"
#include "oci/digest.h"

typedef enum RemoteKind {
    REMOTE_NONE, /* a path */
    REMOTE_FILE, /* http(s) */
    REMOTE_GIT,  /* git://, ssh://, user@host:path, http(s) with a path that ends in .git */
} RemoteKind;

RemoteKind remote_kind(Str source);

/* What to know a file by that a server had once: with this it can say that it still has it. */
typedef struct RemoteStamp {
    Str etag;     /* strong */
    Digest place; /* of the URL that redirects led to: an ETag says nothing about another one */
    uint64_t size;
    Digest digest; /* of the bytes */
} RemoteStamp;

/*
 * Where the bytes of many files lie one behind the other, as long as their contexts: there may be
 * more files than descriptors. Opened when it is needed. One thread at a time.
 */
typedef struct RemoteSpool {
    int fd;
    uint64_t end;
} RemoteSpool;
#define REMOTE_SPOOL_NONE \
    {                     \
        .fd = -1          \
    }
void remote_spool_done(RemoteSpool *s);

typedef struct RemoteOpts {
    Str checksum;             /* of a file "sha256:HEX", of a repository a commit; "" = none */
    const RemoteStamp *known; /* of a file: need not be fetched if it is that; NULL */
    Str commit; /* of a repository: remote_git_commit() has found it; ERR_DIGEST when it is another
                   one by now. "" = any */
    GitSwitch keep_git_dir;
    RemoteSpool *spool; /* of a file: borrowed; NULL = one of its own */
} RemoteOpts;

/* Is it one that a file can have? ERR_USAGE. */
int remote_checksum_check(Str text, Err *err) must_check;

/* For people and histories: without a password. Lives as long as the arena. */
Str remote_redacted(Arena *a, Str source) must_check;
/* The same of every word of a text, such as an instruction as it stands in the Dockerfile. */
Str remote_redacted_words(Arena *a, Str text) must_check;

/*
 * Fetch it. The only entry is a file named after the URL's last element, mode 0600, as old as the
 * server says. ERR_DIGEST "digest mismatch".
 */
int remote_file_open(Str url, const RemoteOpts *r, const ContextOpts *o, Context **ret, Err *err)
    must_check;
/*
 * A file that is still the one that was known is not there before context_load(), and nor is its
 * time. That fails with ERR_DIGEST when the server has other bytes by then after all.
 */

/* Of what remote_file_open() made: the digest of the file's bytes. Unset for any other context. */
Digest remote_file_digest(const Context *c);
/* false: the server gives nothing that the file could be known by. Lives as long as the context. */
bool remote_file_stamp(const Context *c, RemoteStamp *ret);
/* Can it be one, as far as its form goes? */
bool remote_stamp_is_sane(const RemoteStamp *s);

/* Which commit it is at: 40 hex digits that live as long as the arena. Nothing is transferred. */
int remote_git_commit(Arena *a, Str source, const RemoteOpts *r, const ContextOpts *o, Str *ret,
                      Err *err) must_check;
/* Fetch a repository, or a directory of it. */
int remote_git_open(Str source, const RemoteOpts *r, const ContextOpts *o, Context **ret, Err *err)
    must_check;
