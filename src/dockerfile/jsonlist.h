/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/jsonlist.h - is this text a JSON array of strings? What the exec forms are decided by.
 *
 * A reader of its own, because the question is not "is this good JSON" but "which of three": words
 * that only look like an array ([ -f x ] && y) are no error, and strings with bad surrogates or
 * bytes are repaired, not refused.
 */
#pragma once

#include "base/err.h"
#include "base/vec.h"

typedef enum JsonList {
    JSON_LIST_NONE,    /* no JSON array */
    JSON_LIST_STRINGS, /* an array of strings and nothing else */
    JSON_LIST_MIXED,   /* an array, but not all of strings */
} JsonList;

/*
 * Strings are appended to 'ret', slots and bytes in the arena; those without escapes are slices of
 * 'text'.
 */
JsonList json_list_parse(Arena *a, Str text, StrVec *ret);
