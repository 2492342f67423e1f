/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git/objects.h - a pack (gitformat-pack) unpacked while it comes: every object's bytes into one
 * file, and a table of where they are.
 *
 *      pack bytes -> inflate -> | an object as it is  -> sha1 -> the file
 *                               | a delta: its base is in the file already -> sha1 -> the file
 *
 * One pass, and memory for the table only: whatever the size of an object, it passes in blocks. An
 * object's name is computed from its bytes, never believed; so what is found under a name is what
 * was asked for.
 *
 * Ownership  a GitSpool is shared by several GitObjects (a repository and its submodules).
 * Errors     ERR_FORMAT for a broken pack, ERR_LIMIT, ERR_SYS of the file, else the Reader's.
 */
#pragma once

#include "base/err.h"
#include "base/io.h"
#include "base/vec.h"

#define GIT_ID_BYTES 20
#define GIT_ID_TEXT  40 /* characters, without NUL */

typedef struct GitId {
    unsigned char b[GIT_ID_BYTES];
} GitId;

typedef struct GitIdText {
    char z[GIT_ID_TEXT + 1];
} GitIdText;

bool git_id_parse(Str hex, GitId *ret) must_check; /* 40 digits */
GitIdText git_id_format(const GitId *id);
static inline bool git_id_eq(const GitId *a, const GitId *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

typedef enum GitType {
    GIT_COMMIT = 1,
    GIT_TREE,
    GIT_BLOB,
    GIT_TAG,
} GitType;

typedef struct GitObject {
    GitId id;
    uint8_t type;      /* GitType */
    uint64_t at, size; /* in the spool */
    uint64_t in_pack;  /* where its entry begins: deltas name their base so */
} GitObject;

typedef struct GitSpool {
    int fd;       /* owned by whoever made it */
    uint64_t end; /* of what has been written */
} GitSpool;

typedef struct GitObjects GitObjects;
GitObjects *git_objects_new(GitSpool *borrowed);
void git_objects_free(GitObjects *o);
CLEANUP_DEFINE(GitObjects, git_objects_free);

/* Read a whole pack; 'in' ends with it. May be called again with another. */
int git_objects_read_pack(GitObjects *o, Reader *in, Err *err) must_check;

const GitObject *git_objects_find(const GitObjects *o, const GitId *id); /* NULL = not there */
size_t git_objects_count(const GitObjects *o);
const GitObject *git_objects_at(const GitObjects *o, size_t i);

/* The object of that name and type, whole: ERR_FORMAT when it is missing or another; ERR_LIMIT. */
int git_objects_get(const GitObjects *o, const GitId *id, GitType type, Buf *ret, Err *err)
    must_check;
