/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical form: known values, and inputs that must not read the same.
 */
#include "cache/key.h"
#include "test.h"

static CacheKey key_of(const char *const *fields, size_t n)
{
    cleanup_arena Arena a = ARENA_INIT;
    KeyMaker k = key_begin("test", &a, NULL);

    for (size_t i = 0; i < n; i += 2)
        key_add(&k, fields[i], str_from(fields[i + 1]));
    return key_end(&k);
}

#define KEY(...)                               \
    key_of((const char *const[]){__VA_ARGS__}, \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* printf '7:version=12:kiln-cache-2\n4:kind=4:test\n4:name=5:value\n' | sha256sum */
TEST(form)
{
    CacheKey k = KEY("name", "value");

    CHECK_STR(cache_key_str(&k),
              S("04bf034d95ce176a85a255ca23c99a99b64bb266bea9c2c3d562dd3b88316b82"));
}

TEST(framing)
{
    const CacheKey keys[] = {
        KEY("a", "b"),           KEY("a", "", "b", ""),   KEY("a", "b\n1:c=1:d"),
        KEY("a", "b", "c", "d"), KEY("a", "b1:c=1:d"),    KEY("a=1:b\n1:c", "d"),
        KEY("a", "bc", "d", ""), KEY("a", "b", "d", "c"), KEY("ab", ""),
        KEY("a", "b", "", ""),
    };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        for (size_t j = 0; j < i; j++)
            CHECK(!cache_key_eq(&keys[i], &keys[j]));
}

TEST(lists_keep_their_ends)
{
    cleanup_arena Arena a = ARENA_INIT;
    CacheKey keys[2];

    for (size_t split = 0; split < 2; split++) {
        KeyMaker k = key_begin("test", &a, NULL);

        key_add_count(&k, "x", 1 + split);
        key_add(&k, "x", S("1"));
        if (split == 1)
            key_add(&k, "x", S("2"));
        key_add_count(&k, "x", 2 - split);
        key_add(&k, "x", split ? S("3") : S("2"));
        if (split == 0)
            key_add(&k, "x", S("3"));
        keys[split] = key_end(&k);
    }
    CHECK(!cache_key_eq(&keys[0], &keys[1]));
}

TEST(kinds_differ)
{
    cleanup_arena Arena a = ARENA_INIT;
    KeyMaker x = key_begin("x", &a, NULL), y = key_begin("y", &a, NULL);
    CacheKey kx = key_end(&x), ky = key_end(&y);

    CHECK(!cache_key_eq(&kx, &ky));
}

TEST(inputs_are_remembered)
{
    cleanup_arena Arena a = ARENA_INIT;
    KeyInputVec inputs = {0};
    KeyMaker k = key_begin("test", &a, &inputs);
    CacheKey got;

    key_add(&k, "one", S("1"));
    key_add_bool(&k, "two", true);
    key_add_number(&k, "three", -3);
    key_add(&k, "one", S("again"));
    got = key_end(&k);
    CHECK(cache_key_is_set(&got));
    CHECK(inputs.n == 3);
    CHECK_STR(inputs.v[0].name, S("one"));
    CHECK_STR(str_from(inputs.v[2].digest), S("615bdd17c2556f82"));
    CHECK(strlen(inputs.v[0].digest) == 16);
    vec_done(&inputs);
}

TEST_MAIN(T(form), T(framing), T(lists_keep_their_ends), T(kinds_differ), T(inputs_are_remembered))
