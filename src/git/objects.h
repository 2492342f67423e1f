/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git/objects.h - objects of a repository by their names: a table of where their bytes are in the
 * spool. A name was computed from the bytes, never believed (pack_read.h); so what is found under a
 * name is what was asked for.
 */
#pragma once

#include "base/io.h"
#include "base/vec.h"
#include "git/spool.h"

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

typedef struct GitObjects GitObjects;
GitObjects *git_objects_new(GitSpool *borrowed);
void git_objects_free(GitObjects *o);
CLEANUP_DEFINE(GitObjects, git_objects_free);

GitSpool *git_objects_spool(const GitObjects *o);

/*
 * A name that is there already keeps its first object, but the entry counts: it may be a delta's
 * base. ERR_LIMIT.
 */
int git_objects_add(GitObjects *o, const GitObject *x, Err *err) must_check;
int git_objects_too_many(Err *err) must_check; /* -1: LIMIT_GIT_OBJECTS */

const GitObject *git_objects_find(const GitObjects *o, const GitId *id); /* NULL = not there */
size_t git_objects_count(const GitObjects *o);
const GitObject *git_objects_at(const GitObjects *o, size_t i); /* in the order of adding */

/* The object of that name and type, whole: ERR_FORMAT when it is missing or another; ERR_LIMIT. */
int git_objects_get(const GitObjects *o, const GitId *id, GitType type, Buf *ret, Err *err)
    must_check;

/* Begin the hash that becomes an object's name; its bytes are written next. */
int git_object_begin(GitSpoolWriter *out, GitType type, uint64_t size, Err *err) must_check;
