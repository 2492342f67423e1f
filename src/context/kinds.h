/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context/kinds.h - inside context/ only: what a kind of context provides.
 *
 * A kind that brings an archive (a bucket, a URL) is a Bringer, handed to archive_context_new().
 */
#pragma once

#include "context/context.h"
#include "oci/digest.h"

typedef struct ContextKind {
    const char *scheme; /* "dir"; matched against what stands before "://" */
    /* 'spec' is the whole text, 'rest' what follows "://". */
    int (*open)(const char *spec, const char *rest, const ContextOpts *o, Context **ret, Err *err);
    const char *what; /* for messages */
} ContextKind;

typedef struct ContextOps {
    int (*load)(Context *c, Err *err);  /* fill the tree; NULL: filled on demand */
    int (*check)(Context *c, Err *err); /* NULL: cannot fail meanwhile */
    int (*read)(Context *c, const char *path, Buf *ret, Err *err);
    void (*free)(Context *c);         /* stops what is under way, context_done(), the object */
    void (*set_dir)(Context *c, int); /* directories only */
} ContextOps;

/* The common part: first in each kind's own struct. */
struct Context {
    const ContextOps *ops;
    FileSource files;
    Tree *tree;
    char *name;
    char *dir; /* see context_dir() */
    Ignore *ignore;
    char *ignore_beside; /* see context_set_ignore_file() */
    NodeVec unlike;      /* directories on disk with something excluded, or not root's, in them */
    bool find_ignore;    /* when it is loaded */
    bool no_ignore;      /* .dockerignore means nothing here (spec/dockerfile 5.5) */
    bool loaded;
    int64_t time_ns; /* see context_time_ns() */
};

/* Sets the name and the operations. */
void context_init(Context *c, const ContextOps *ops, const char *name);
void context_done(Context *c); /* the common part */

/* For trees that were filled as a whole: leave out what is excluded, and extended attributes. */
int context_prune(Context *c, Err *err) must_check;
/* The patterns of the file that context_set_ignore_file() speaks of. */
int context_find_ignore(Context *c, Err *err) must_check;

/* --- kinds --- */

int dir_context_open(const char *spec, const char *rest, const ContextOpts *o, Context **ret,
                     Err *err) must_check;
int tar_context_open(const char *spec, const char *rest, const ContextOpts *o, Context **ret,
                     Err *err) must_check;
int http_context_open(const char *spec, const char *rest, const ContextOpts *o, Context **ret,
                      Err *err) must_check;

int git_context_open(const char *spec, const char *rest, const ContextOpts *o, Context **ret,
                     Err *err) must_check;
int bucket_context_open(const char *spec, const char *rest, const ContextOpts *o, Context **ret,
                        Err *err) must_check;

/* --- archives --- */

/* Where the bytes of an archive come from. */
typedef struct Bringer Bringer;
struct Bringer {
    /*
     * All of them, in order, into 'to', and then: were they the right ones? On a thread of its own.
     * ERR_CANCELLED from 'to' means that nobody wants them any more.
     */
    int (*bring)(Bringer *self, Writer *to, Err *err);
    void (*free)(Bringer *self);
    int64_t time_ns; /* set by bring(), when the source tells it: see context_time_ns() */
};

typedef struct ArchiveOpts {
    const char *name;
    bool maybe_dockerfile; /* what is no archive is a Dockerfile, without any files */
    bool no_ignore;
} ArchiveOpts;

/* Begins at once. 'taken' also on failure. */
int archive_context_new(Bringer *taken, const ArchiveOpts *how, const ContextOpts *o, Context **ret,
                        Err *err) must_check;

/* Who fetches a file, and who hears of it under what name. */
typedef struct HttpBringer {
    HttpClient *http;
    Str name;
    TransferFn progress; /* NULL = nobody */
} HttpBringer;

/*
 * GET 'req' (whose sink is set here) into 'to', with retries. What a broken transfer brought is
 * never brought twice: it goes on by a range under the same ETag, or begins anew and is compared.
 * ERR_FORMAT when the server had other bytes by then. An error status is an answer: see *ret.
 */
int http_bring(const HttpBringer *b, const HttpRequest *req, Writer *to, HttpAnswer *ret, Err *err)
    must_check;

/*
 * What a URL that redirects led to stands for. A redirect to a store has a signature in its query,
 * another one each time: that is left out.
 */
Digest url_place(Str url);
/* The error for an answer that brought nothing: ERR_AUTH or ERR_HTTP, with the URL. */
int http_fail(const char *url, const HttpAnswer *a, Err *err) must_check;

/* An unnamed file below the kiln dir; owned by the caller. */
int context_spool_new(const ContextOpts *o, int *ret_fd, Err *err) must_check;
/* Another descriptor of the spool with the place of the file in it. */
int context_spool_open(int fd, const Node *n, OpenFile *ret, Err *err) must_check;
/* Append a file of the tree, its symlinks followed, to 'ret'. ERR_NOT_FOUND. */
int context_spool_read(Context *c, int fd, const char *path, Buf *ret, Err *err) must_check;
