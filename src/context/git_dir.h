/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context/git_dir.h - the .git directory of a repository whose files are in a tree, for
 * --keep-git-dir: the objects that were fetched as one pack, a detached HEAD, the ref that was
 * asked for, where it came from (without credentials), the index. Nothing in it depends on time or
 * server beyond what was fetched.
 */
#pragma once

#include "git/fetch.h"
#include "tree/tree.h"

/* The files of the commit in the order of its trees, which is the index's. */
typedef struct GitIndex {
    Buf entries; /* owned */
    uint32_t n;
} GitIndex;

/* 'path' is relative to the repository's root; 'mode' as in a tree of git. */
void git_index_add(GitIndex *x, Str path, uint32_t mode, const GitId *id);

typedef struct GitDir {
    Tree *tree;
    Node *root; /* of the repository */
    int64_t mtime_ns;
    const GitSpec *spec;
    const GitFetched *got;
    const GitObjects *objects;
    const GitIndex *index;
} GitDir;

int git_dir_add(const GitDir *d, Err *err) must_check;
