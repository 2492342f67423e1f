/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"
#include "test.h"

TEST(unsigned_numbers)
{
    static const Str bad[] = {STR_LIT(""),    STR_LIT("-1"),
                              STR_LIT("+1"),  STR_LIT(" 1"),
                              STR_LIT("1 "),  STR_LIT("0x1"),
                              STR_LIT("1a"),  STR_LIT("1\0"),
                              STR_LIT("256"), STR_LIT("99999999999999999999999")};
    uint64_t n = 7;
    uint32_t small;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(!num_parse_u64(bad[i], 255, &n) && n == 7);
    CHECK(num_parse_u64(S("255"), 255, &n) && n == 255);
    CHECK(num_parse_u64(S("18446744073709551615"), UINT64_MAX, &n) && n == UINT64_MAX);
    CHECK(!num_parse_u64(S("18446744073709551616"), UINT64_MAX, &n));
    CHECK(num_parse_u32(S("4294967295"), &small) && small == UINT32_MAX);
    CHECK(!num_parse_u32(S("4294967296"), &small));
}

TEST(octal_numbers)
{
    uint64_t n;

    CHECK(num_parse_octal(S("0755"), 07777, &n) && n == 0755);
    CHECK(!num_parse_octal(S("8"), 07777, &n) && !num_parse_octal(S("10000"), 07777, &n));
    CHECK(!num_parse_octal(S(""), 07777, &n));
}

TEST(booleans)
{
    bool b;

    CHECK(num_parse_bool(S("T"), &b) && b && num_parse_bool(S("False"), &b) && !b);
    CHECK(num_parse_bool(S("1"), &b) && b && num_parse_bool(S("0"), &b) && !b);
    CHECK(!num_parse_bool(S("yes"), &b) && !num_parse_bool(S(""), &b) &&
          !num_parse_bool(S("tRue"), &b));
}

TEST(durations)
{
    int64_t ns;

    CHECK(num_parse_duration_ns(S("1.5h"), &ns) && ns == 5400000000000);
    CHECK(num_parse_duration_ns(S("1m30s"), &ns) && ns == 90000000000);
    CHECK(num_parse_duration_ns(S("500ms"), &ns) && ns == 500000000);
    CHECK(num_parse_duration_ns(S("-2us"), &ns) && ns == -2000);
    CHECK(num_parse_duration_ns(S("0"), &ns) && ns == 0);
    CHECK(!num_parse_duration_ns(S("1"), &ns) && !num_parse_duration_ns(S("h"), &ns));
    CHECK(!num_parse_duration_ns(S(""), &ns) && !num_parse_duration_ns(S("1x"), &ns));
    CHECK(!num_parse_duration_ns(S("99999999999h"), &ns));
}

TEST(for_people)
{
    CHECK_STR(str_from(num_format_bytes(0).z), S("0 B"));
    CHECK_STR(str_from(num_format_bytes(999).z), S("999 B"));
    CHECK_STR(str_from(num_format_bytes(3200000).z), S("3.2 MB"));
    CHECK(strlen(num_format_bytes(UINT64_MAX).z) < sizeof(NumText) - 1);
    CHECK_STR(str_from(num_format_seconds(400000000).z), S("0.4s"));
    CHECK_STR(str_from(num_format_seconds(185000000000).z), S("3m05s"));
}

TEST_MAIN(T(unsigned_numbers), T(octal_numbers), T(booleans), T(durations), T(for_people))
