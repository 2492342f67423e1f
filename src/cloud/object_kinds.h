/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloud/object_kinds.h - what one service's buckets have of their own. For object*.c only.
 */
#pragma once

#include "cloud/internal.h"
#include "cloud/object.h"
#include "codec/checksum.h"

typedef struct ObjectKind ObjectKind;

struct Object {
    const ObjectKind *kind;
    Cloud *cloud;
    Arena arena;
    Str bucket, key; /* for Azure: account, and path with the container */
    Str url;         /* what is asked for */
    Str name;
    bool anonymous; /* the last attempt was not signed */
    Str source;     /* of the credentials it was signed with */

    Str region; /* S3 */
    bool moved; /* S3: its region has been corrected once */
    Str secret; /* Azure: the account's key */
    bool plain; /* the URL is signed already, or is an emulator's that wants nothing */

    uint64_t size; /* seen so far */
    uint32_t crc32c;
    Md5 *md5;
};

/* What the service says of the bytes; what is absent is not compared. */
typedef struct ObjectSums {
    Str md5_hex, md5_base64, crc32c_base64;
} ObjectSums;

struct ObjectKind {
    const char *scheme, *service;
    /* The rest of the spec -> bucket, key, url. */
    int (*open)(Object *o, Str rest, Err *err);
    int (*sign)(Object *o, const HttpAttempt *at, Arena *a, HttpHeaderVec *ret, Err *err);
    ObjectSums (*sums)(const HttpAnswer *answer);
    /* What to do, "" = nothing known; 1 in *ret_again = the object has been pointed elsewhere. */
    const char *(*remedy)(Object *o, const HttpAnswer *answer, Arena *a, bool *ret_again);
};

extern const ObjectKind object_s3, object_gcs, object_azure;

/* "BUCKET[/KEY]"; the key defaults to context.tar.gz. */
int object_split(Object *o, Str rest, Err *err) must_check;
void object_add_path(Buf *url, Str key); /* escaped, its slashes kept */
