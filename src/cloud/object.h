/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloud/object.h - one object in a bucket: how to ask for it, whether what came is right, and what
 * to do when the service refuses.
 *
 *      gs://BUCKET[/OBJECT]
 *      s3://BUCKET[/KEY]
 *      https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB
 *
 * Without a name it is context.tar.gz, as kaniko has it. The request is signed anew for every
 * attempt, with whatever credentials are good at that moment; without any it is sent as it is, for
 * a bucket may be open to everybody. What goes on after a broken transfer must be the same object
 * (If-Match).
 *
 * Errors  ERR_AUTH, ERR_NOT_FOUND, ERR_HTTP, with the remedy where it is known; ERR_DIGEST when the
 *         bytes are not those that the service has a checksum of. The object's name is not in them.
 */
#pragma once

#include "cloud/cloud.h"

typedef struct Object Object;

/* Is this https URL a blob of Microsoft's? */
bool object_is_blob_url(Str url);

/* 'c' is borrowed and outlives the object. ERR_USAGE for what cannot be the name of one. */
int object_open(Cloud *c, const char *spec, Object **ret, Err *err) must_check;
void object_free(Object *o);
CLEANUP_DEFINE(Object, object_free);

const char *object_name(const Object *o); /* for messages: without a signature in its URL */

/* A GET, without a sink; lives until object_conclude() or object_free(). */
HttpRequest object_request(Object *o);

/* The bytes of the object, once each, in order. */
void object_saw(Object *o, const void *p, size_t n);

/*
 * 0 = they were right. 1 = ask again: the service says that the bucket is elsewhere (nothing came
 * yet). -1 = it refused, or they were wrong.
 */
int object_conclude(Object *o, const HttpAnswer *answer, Err *err) must_check;
