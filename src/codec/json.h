/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/json.h - JSON documents (jansson underneath): strict, order-keeping, bounded.
 *
 * Parsing takes any value, not only maps and lists. It refuses duplicate keys, trailing bytes, a
 * byte order mark, text that is not UTF-8 (half a surrogate pair too), NUL in strings, numbers
 * beyond int64/double and nesting beyond LIMIT_JSON_DEPTH. Getters take NULL and values of another
 * type and answer "absent", so a chain of lookups needs one check at its end.
 *
 * Ownership  a document owns its values; getters borrow from it. A value put into a container is
 *            taken. json_free() on the root frees all.
 * Errors     ERR_FORMAT with "WHAT: line L column C: ..." from the parser, ERR_LIMIT for the depth;
 *            the message never quotes the document, which may be a file of passwords.
 */
#pragma once

#include "base/buf.h"

typedef struct json_t Json; /* opaque outside codec/ */

int json_parse(Str text, const char *what, Json **ret, Err *err) must_check;
void json_free(Json *j);
CLEANUP_DEFINE(Json, json_free);

typedef enum JsonType {
    JSON_ABSENT,
    JSON_NIL,
    JSON_BOOLEAN,
    JSON_NUMBER,
    JSON_TEXT,
    JSON_LIST,
    JSON_MAP
} JsonType;
JsonType json_type(const Json *j); /* JSON_ABSENT for NULL */

/* Reading */
Json *json_find(const Json *map, const char *key); /* NULL when absent, or j is no map */
bool json_get_text(const Json *j, Str *ret);
bool json_get_int(const Json *j, int64_t *ret);   /* integers only, not 1.0 */
bool json_get_number(const Json *j, double *ret); /* any number */
bool json_get_bool(const Json *j, bool *ret);
size_t json_count(const Json *j);          /* of a list or map; else 0 */
Json *json_at(const Json *list, size_t i); /* NULL beyond the end */

/* In the order of the document:  for (JsonIter it = {0}; json_next(map, &it);) it.key, it.value */
typedef struct JsonIter {
    void *state;
    Str key;
    Json *value;
    bool started;
} JsonIter;
bool json_next(const Json *map, JsonIter *it);

/* Making and changing; abort on out of memory, so they cannot fail. Text and keys must be UTF-8:
   bytes that are not, and NUL, are replaced by U+FFFD. */
Json *json_new_map(void);
Json *json_new_list(void);
Json *json_new_text(Str s);
Json *json_new_int(int64_t v);
Json *json_new_bool(bool v);
Json *json_new_null(void);
Json *json_copy_deep(const Json *j);
void json_set(Json *map, const char *key, Json *taken); /* replaces in place, else appends */
void json_set_text(Json *map, const char *key, Str s);
void json_remove(Json *map, const char *key);
void json_append(Json *list, Json *taken);

/* Keys in their order, "/" not escaped, non-ASCII as UTF-8, no newline at the end. indent = 0 for
   compact. A full 'out' is for buf_check() to tell. */
void json_format(const Json *j, unsigned indent, Buf *out);
