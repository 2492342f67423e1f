/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"
#include "test.h"

TEST(empty_ones)
{
    VEC(int) v = {0};
    int n = 0;

    vec_foreach(i, &v)
        n += *i;
    CHECK(n == 0);
    vec_done(&v);
}

TEST(grow)
{
    VEC(int) v = {0};
    int n = 0;

    for (int i = 0; i < 1000; i++)
        vec_push(&v, i);
    vec_foreach(i, &v)
        CHECK(*i == n++);
    CHECK(n == 1000 && v.cap >= v.n);
    vec_done(&v);
    CHECK(!v.v && v.n == 0 && v.cap == 0);
}

TEST_MAIN(T(empty_ones), T(grow))
