/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/copy.h - COPY and ADD as an edit of the tree (spec/dockerfile 5, 11.6). No byte is moved
 * here: each new file remembers the node that it came from, and the layer is then written from
 * there.
 */
#pragma once

#include "build/steps.h"
#include "dockerfile/chmod.h"
#include "dockerfile/ignore.h"

/*
 * Where a copied file's bytes will be read: Content.source is the node, Content.layer indexes
 * 'from'.
 */
typedef struct CopyFiles {
    FileSource s;
    VEC(FileSource *) from; /* borrowed */
} CopyFiles;

void copy_files_init(CopyFiles *f);
void copy_files_done(CopyFiles *f);

typedef struct CopyJob {
    StageBuild *stage;
    Tree *from;
    uint32_t source; /* index into CopyFiles.from */
    bool keep_owner; /* stages, images, archives; a context's files are 0:0 */
    bool archive;    /* members of an archive: see copy.c */
    bool has_chown;
    uint32_t uid, gid;
    const ChmodSpec *chmod; /* NULL = none */
    const Ignore *exclude;  /* NULL = nothing; judged by the path below each source directory */
    bool link;              /* --link: laid over the image, nothing in it is followed */
    uint32_t new_dir_mode;  /* of directories made on the way */
    NodeVec *files;         /* out: the source nodes of all regular files copied */
} CopyJob;

/*
 * The source nodes that one SRC stands for, in order, with the name each gets in a directory.
 * ERR_NOT_FOUND `"/x": not found`.
 */
typedef struct CopyMatch {
    Node *node; /* symlinks followed */
    Str name;
    Str path; /* as matched, symlinks not followed */
} CopyMatch;
typedef VEC(CopyMatch) CopyMatchVec;
int copy_match(Tree *t, Arena *a, Str source, CopyMatchVec *ret, Err *err) must_check;

/* Put one match at 'dest' (unresolved, absolute; "into a directory" when it ends in '/'). */
int copy_one(const CopyJob *job, const CopyMatch *m, Str dest, Err *err) must_check;

/* Does --exclude leave it in? 'rel': its path below the source directory. */
int copy_is_kept(const CopyJob *job, Node *n, Str rel, bool *ret, Err *err) must_check;

/*
 * COPY --parents: a match with the directories that lead to it, below the directory 'dest'. 'cut':
 * how many bytes at the beginning of m->path are left away (what stands before the pivot "/./").
 */
int copy_match_parents(Tree *t, Arena *a, Str source, CopyMatchVec *ret, size_t *ret_cut, Err *err)
    must_check;
int copy_with_parents(const CopyJob *job, const CopyMatch *m, size_t cut, Str dest, Err *err)
    must_check;

/*
 * Everything in the root of job->from below the directory 'dest', which gets that time if it has to
 * be made.
 */
int copy_tree_into(const CopyJob *job, int64_t mtime_ns, Str dest, Err *err) must_check;
