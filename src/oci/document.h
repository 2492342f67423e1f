/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci/document.h - members of image documents, read the way registries need it: lenient about what
 * is missing (absent and null are one), strict about what is there.
 *
 * Errors  ERR_FORMAT: a member of another type; the message names the member, callers name the
 *         document. *ret is untouched on failure.
 */
#pragma once

#include "base/vec.h"
#include "codec/json.h"

/* ERR_FORMAT unless 'text' is a JSON object; ERR_LIMIT beyond 'max' bytes. 'what' names it. */
int doc_open(Str text, size_t max, const char *what, Json **ret, Err *err) must_check;

/* The member, or NULL when it is missing or null. */
int doc_find(const Json *map, const char *key, JsonType want, const Json **ret, Err *err)
    must_check;

/* Missing: "", false, 0. Strings are copied into the arena. Numbers are whole: 1.0 is refused. */
int doc_text(const Json *map, const char *key, Arena *a, Str *ret, Err *err) must_check;
int doc_bool(const Json *map, const char *key, bool *ret, Err *err) must_check;
int doc_int(const Json *map, const char *key, int64_t *ret, Err *err) must_check;

/* A list of texts, appended to ret. A null in it counts as "", as Go's decoder has it. */
int doc_texts(const Json *map, const char *key, Arena *a, StrVec *ret, Err *err) must_check;

/* Writing: nothing is written for "", false, 0 and empty lists. */
void doc_put_text(Json *map, const char *key, Str s);
void doc_put_bool(Json *map, const char *key, bool v);
void doc_put_int(Json *map, const char *key, int64_t v);
void doc_put_texts(Json *map, const char *key, const StrVec *v);
void doc_put(Json *map, Str key, Json *taken); /* any key that came from outside */
