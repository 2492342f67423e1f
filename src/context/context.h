/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context/context.h - where a build's files come from, seen as a Tree.
 *
 *      a directory               read directory by directory when it is needed, copied never
 *      an archive on its way     unpacked while it comes: its headers into the tree, the bytes of
 *                                its files into one unnamed file (the spool) below the kiln dir
 *
 * Owners are 0:0, sockets are empty files, of the extended attributes only security.capability is
 * seen (spec/dockerfile 5.1). What .dockerignore excludes is not in the tree at all.
 *
 * Kinds are rows of a table in context.c: docs/contexts.md has them all, with their credentials.
 *
 * Threads    one context, one thread. Archives have threads of their own behind it.
 * Errors     ERR_NOT_FOUND, ERR_USAGE, ERR_UNSUPPORTED, ERR_SYS with the path; of an archive
 *            ERR_FORMAT, ERR_LIMIT with the entry, ERR_NET, ERR_HTTP, ERR_AUTH with the URL.
 */
#pragma once

#include "dockerfile/ignore.h"
#include "git/wire.h"
#include "layer/write.h"
#include "net/http.h"
#include "tree/tree.h"

typedef struct Context Context;

/* The switches of kaniko's --git, and what its environment says. */
typedef struct ContextGit {
    GitCredentials credentials; /* for the context's own server only */
    const char *branch;         /* over the one in the address; NULL */
    unsigned depth;             /* 0 = 1 */
    bool no_submodules;         /* unless the address says otherwise */
    bool skip_tls_verify;
    bool keep_git_dir;
    Str native_scheme; /* what git:// means: "" = itself, else "https" or "http", as in kaniko */
} ContextGit;

typedef struct ContextOpts {
    const char *kiln_dir; /* archives are spooled below it; made when it is missing */
    HttpClient *http;     /* borrowed; outlives the context */
    const char *sub_path; /* this directory of it is the context; NULL or "" = all */
    /*
     * The file that will be asked for first (the Dockerfile), so that context_read() need not wait
     * for the end of an archive. NULL = none.
     */
    const char *first;
    bool bare_file; /* what is no archive is one file named "context", instead of a Dockerfile */
    const ContextGit *git;  /* NULL = nothing special */
    void (*warn)(Str text); /* NULL = nobody hears it */
    TransferFn progress;    /* NULL = nobody asks */
} ContextOpts;

/* 'o' is borrowed; what it points to outlives the context. */
int context_open(const char *spec, const ContextOpts *o, Context **ret, Err *err) must_check;
void context_free(Context *c);
CLEANUP_DEFINE(Context, context_free);

const char *context_name(const Context *c); /* as given, without secrets, for messages */

/*
 * The directory that holds the files, without links: lives as long as the context. NULL when it has
 * no name any more, or is no directory.
 */
const char *context_dir(const Context *c);
/* It has been moved: go on with this descriptor of it, which is taken. */
void context_set_dir(Context *c, int taken_fd);

/*
 * A file's content by its path in the context, not subject to .dockerignore: the Dockerfile,
 * .dockerignore. ERR_NOT_FOUND. Of an archive that is still on its way it waits for the file.
 */
int context_read(Context *c, const char *path, Buf *ret, Err *err) must_check;

/*
 * Before context_load(): the patterns themselves, or the name of the file beside the Dockerfile
 * that has them if it is there, else .dockerignore has (NULL: only .dockerignore is looked for).
 */
void context_set_ignore(Context *c, Ignore *taken);
const Ignore *context_ignore(const Context *c); /* NULL = none */
int context_set_ignore_file(Context *c, const char *beside, Err *err) must_check;

/*
 * Wait until everything is there, with .dockerignore applied; before the tree is used. Doing it
 * again costs nothing.
 */
int context_load(Context *c, Err *err) must_check;
/*
 * How old it is, where it says so itself: the time of the commit, or Last-Modified. 0 where it does
 * not, and of what lies on this machine. After context_load().
 */
int64_t context_time_ns(const Context *c);
/* Has it failed behind our back? Does not wait. */
int context_check(Context *c, Err *err) must_check;

/*
 * Is there a context_dir(), is everything that it has at and below the node in the tree too, and
 * does what is below it belong to root, as all of a context does in a build? Reads all of it.
 */
int context_is_as_on_disk(Context *c, Node *n, bool *ret, Err *err) must_check;

Tree *context_tree(Context *c);
FileSource *context_files(Context *c);
