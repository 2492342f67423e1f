/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include "test.h"

TEST(finds_what_was_set)
{
    cleanup_map Map m = {0};
    int a, b;

    CHECK(!map_find(&m, S("x")) && !map_find_entry(&m, S("x")));
    CHECK(!map_set(&m, S("x"), &a));
    CHECK(!map_set(&m, S(""), &b));
    CHECK(map_set(&m, S("x"), &b) == &a && map_find(&m, S("x")) == &b && m.n == 2);
    CHECK(!map_set(&m, S("null"), NULL));
    CHECK(map_find_entry(&m, S("null")) && !map_find(&m, S("null")));
}

TEST(keeps_the_order_of_many)
{
    cleanup_map Map m = {0};
    cleanup_arena Arena a = ARENA_INIT;
    uintptr_t next = 1;

    for (uintptr_t i = 1; i <= 20000; i++) {
        char key[32];

        (void)snprintf(key, sizeof(key), "key %zu", (size_t)i);
        CHECK(!map_set(&m, str_from(key), (void *)i)); /* the key is copied */
    }
    map_foreach(e, &m)
        CHECK((uintptr_t)e->value == next++);
    CHECK(next == 20001);
    CHECK((uintptr_t)map_find(&m, str_fmt_in(&a, "key %d", 777)) == 777);
}

TEST(binary_keys)
{
    cleanup_map Map m = {0};
    uint64_t one = 1, two = 2;

    (void)map_set(&m, (Str){(const char *)&one, sizeof(one)}, &one);
    CHECK(!map_find(&m, (Str){(const char *)&two, sizeof(two)}));
    CHECK(map_find(&m, (Str){(const char *)&one, sizeof(one)}) == &one);
}

TEST_MAIN(T(finds_what_was_set), T(keeps_the_order_of_many), T(binary_keys))
