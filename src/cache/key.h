/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/key.h - the name of what an instruction makes: SHA-256 over everything that it can see, in
 * a form in which two different inputs never read the same (docs/cache-keys.md).
 *
 *      key = sha256( field... )     field = length ':' name '=' length ':' value '\n'
 *
 * Names and values may hold any bytes: their lengths say where they end. Lists are their count and
 * then their items, so that what stands in one list cannot be read as part of the next.
 *
 * Every field is also remembered, by its name and a short digest of its value, so that it can be
 * said later which of them differ between two keys; values themselves are kept nowhere.
 */
#pragma once

#include "base/vec.h"
#include "codec/sha256.h"

/* Counts up whenever the meaning of any key changes: it is part of each. */
#define CACHE_KEY_VERSION "kiln-cache-2"

#define CACHE_KEY_TEXT SHA256_HEX

typedef struct CacheKey {
    char text[CACHE_KEY_TEXT + 1]; /* hex digits; "" = not known */
} CacheKey;

static inline bool cache_key_is_set(const CacheKey *k)
{
    return k->text[0] != '\0';
}
static inline bool cache_key_eq(const CacheKey *a, const CacheKey *b)
{
    return strcmp(a->text, b->text) == 0;
}
static inline Str cache_key_str(const CacheKey *k)
{
    return str_from(k->text);
}

/* One field, as it is remembered. */
typedef struct KeyInput {
    Str name;
    char digest[17]; /* 16 hex digits of the value's SHA-256 */
} KeyInput;
typedef VEC(KeyInput) KeyInputVec;

enum {
    KEY_LINES = 200
};

typedef struct KeyMaker {
    Sha256 *hash;
    Arena *arena;        /* borrowed: names of the inputs */
    KeyInputVec *inputs; /* borrowed; NULL = not wanted */
} KeyMaker;

/* 'kind' says what the key is of: keys of different kinds are never equal. */
KeyMaker key_begin(const char *kind, Arena *a, KeyInputVec *inputs);
void key_add(KeyMaker *k, const char *name, Str value);
void key_add_as(KeyMaker *k, const char *name, const char *remembered, Str value);
void key_add_number(KeyMaker *k, const char *name, int64_t value);
void key_add_bool(KeyMaker *k, const char *name, bool value);
void key_add_key(KeyMaker *k, const char *name, const CacheKey *value);
/*
 * Remembered line by line, as "NAME line N": of a long text it can be said where it differs. Lines
 * from KEY_LINES on are remembered as one.
 */
void key_add_lines(KeyMaker *k, const char *name, Str text);
/* How many items follow, each with key_add(); not remembered, since the items are. */
void key_add_count(KeyMaker *k, const char *name, size_t n);
CacheKey key_end(KeyMaker *k);
void key_done(KeyMaker *k); /* for one that was not ended */
