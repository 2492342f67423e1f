/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context/context.h - where a build's files come from, seen as a Tree that is read directory by
 * directory when it is needed.
 *
 * A context is never copied: COPY reads the files where they are. Owners are 0:0, sockets are empty
 * files, of the extended attributes only security.capability is seen (spec/dockerfile 5.1). What
 * .dockerignore excludes is not in the tree at all.
 *
 * Kinds are rows of a table in context.c. So far: a directory ("PATH", "dir://PATH"). The others
 * are refused by name.
 *
 * Threads    one context, one thread.
 * Errors     ERR_NOT_FOUND, ERR_USAGE, ERR_UNSUPPORTED, ERR_SYS with the path.
 */
#pragma once

#include "dockerfile/ignore.h"
#include "layer/write.h"
#include "tree/tree.h"

typedef struct Context Context;

int context_open(const char *spec, Context **ret, Err *err) must_check;
void context_free(Context *c);
CLEANUP_DEFINE(Context, context_free);

const char *context_name(const Context *c); /* as given, for messages */

/*
 * The directory that holds the files, without links: lives as long as the context. NULL when it has
 * no name any more.
 */
const char *context_dir(const Context *c);
/* It has been moved: go on with this descriptor of it, which is taken. */
void context_set_dir(Context *c, int taken_fd);

/*
 * A file's content by its path in the context, not subject to .dockerignore: the Dockerfile,
 * .dockerignore. ERR_NOT_FOUND.
 */
int context_read(Context *c, const char *path, Buf *ret, Err *err) must_check;

/* Before the tree is first used. */
void context_set_ignore(Context *c, Ignore *taken);

Tree *context_tree(Context *c);
FileSource *context_files(Context *c);
