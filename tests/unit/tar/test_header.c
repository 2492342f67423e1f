/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "make.h"
#include "tar/header.h"

static int64_t number(const char *p, size_t n)
{
    int64_t v = -77;

    CHECK(tar_number(p, n, &v));
    return v;
}

TEST(octal_as_programs_write_it)
{
    CHECK(number("0000644", 8) == 0644);
    CHECK(number("   644 ", 8) == 0644);
    CHECK(number("644\0  7", 8) == 0644);
    CHECK(number("\0\0\0\0"
                 "644",
                 8) == 0644);
    CHECK(number("12 34x7", 8) == 012); /* what follows the number is not looked at */
    CHECK(number("        ", 8) == 0);
    CHECK(number("\0\0\0\0\0\0\0", 8) == 0);
    CHECK(number("77777777", 8) == 077777777); /* no NUL: the field is full */
    CHECK(number("777777777777", 12) == 0777777777777);
}

TEST(octal_that_is_not)
{
    int64_t v;

    CHECK(!tar_number("0000648", 8, &v));
    CHECK(!tar_number("-000644", 8, &v));
    CHECK(!tar_number("0x1ff  ", 8, &v));
    CHECK(!tar_number("a", 1, &v));
}

TEST(base_256)
{
    static const int64_t values[] = {0,      1,         -1,        255,           256,
                                     -256,   -257,      1 << 21,   -(1 << 30),    (int64_t)1 << 33,
                                     -12345, INT32_MAX, INT32_MIN, 0x7fffffffffff};
    char field[12];

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        make_base256(field, 12, values[i]);
        CHECK(number(field, 12) == values[i]);
        make_base256(field, 8, values[i]);
        CHECK(number(field, 8) == values[i]);
    }
    make_base256(field, 12, INT64_MAX);
    CHECK(number(field, 12) == INT64_MAX);
    make_base256(field, 12, INT64_MIN);
    CHECK(number(field, 12) == INT64_MIN);
}

TEST(base_256_overflow)
{
    int64_t v;

    CHECK(!tar_number("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12, &v));
    CHECK(!tar_number("\x81\0\0\0\0\0\0\0\0\0\0\0", 12, &v));
    CHECK(!tar_number("\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 12, &v));
}

TEST(numbers_are_put_or_refused)
{
    char field[8];

    CHECK(tar_number_put(field, 8, 07777777));
    CHECK(memcmp(field, "7777777", 8) == 0);
    CHECK(!tar_number_put(field, 8, 010000000));
    CHECK(memcmp(field, "0000000", 8) == 0);
}

TEST(checksums_both_ways)
{
    TarBlock b = make_block('0', "caf\xc3\xa9", 0);
    unsigned sum = 0;

    CHECK(!tar_block_valid(&b));
    tar_block_seal(&b);
    CHECK(tar_block_valid(&b));
    CHECK(b.sum[6] == '\0' && b.sum[7] == ' ');
    /* two bytes above 127: added up as signed characters, the sum is 512 less */
    for (size_t i = 0; i < 6; i++)
        sum = sum << 3 | (unsigned)(b.sum[i] - '0');
    CHECK(tar_number_put(b.sum, 7, sum - 512));
    CHECK(tar_block_valid(&b));
    CHECK(tar_number_put(b.sum, 7, sum - 511));
    CHECK(!tar_block_valid(&b));
    b.sum[0] = 'x';
    CHECK(!tar_block_valid(&b));
}

TEST(empty_blocks)
{
    TarBlock b = {0};

    CHECK(tar_block_empty(&b));
    CHECK(!tar_block_valid(&b));
    b.tail.bytes[166] = 1;
    CHECK(!tar_block_empty(&b));
}

TEST(dialects)
{
    TarBlock b = make_block('0', "a", 0);

    CHECK(tar_block_dialect(&b) == TAR_USTAR);
    memcpy(b.tail.bytes + 163, "tar", 4);
    CHECK(tar_block_dialect(&b) == TAR_STAR);
    b = make_gnu_block('0', "a", 0);
    CHECK(tar_block_dialect(&b) == TAR_GNU);
    memset(b.magic, 0, sizeof(b.magic));
    CHECK(tar_block_dialect(&b) == TAR_V7);
}

static TarHead decoded(const TarBlock *b)
{
    TarHead h;
    Err err;

    CHECK_OK(tar_block_decode(b, &h, &err));
    return h;
}

TEST(fields)
{
    TarBlock b = make_block('3', "dev/null", 0);
    TarHead h;

    CHECK(tar_number_put(b.mode, sizeof(b.mode), 0106755)); /* with a type in it */
    CHECK(tar_number_put(b.major, sizeof(b.major), 1));
    CHECK(tar_number_put(b.minor, sizeof(b.minor), 3));
    memset(b.name, 'n', sizeof(b.name)); /* full fields have no NUL */
    memset(b.link, 'l', sizeof(b.link));
    h = decoded(&b);
    CHECK(h.mode == 06755 && h.uid == 1000 && h.gid == 100 && h.size == 0);
    CHECK(h.mtime_ns == 1500000000 * (int64_t)1000000000);
    CHECK(h.dev_major == 1 && h.dev_minor == 3);
    CHECK(h.name.n == 100 && h.link.n == 100 && h.prefix.n == 0);
    b.flag = '0';
    CHECK(decoded(&b).dev_major == 0);
}

TEST(prefixes_by_dialect)
{
    TarBlock b = make_block('0', "file", 0);

    memset(b.tail.prefix, 'p', sizeof(b.tail.prefix));
    CHECK(decoded(&b).prefix.n == 155);
    memcpy(b.tail.bytes + 163, "tar", 4);
    CHECK(decoded(&b).prefix.n == 131);
    b = make_gnu_block('0', "file", 0);
    strcpy(b.tail.gnu.atime, "12345670123");
    strcpy(b.tail.gnu.ctime, "12345670123");
    CHECK(decoded(&b).prefix.n == 0);
    strcpy(b.tail.prefix, "usr/lib"); /* Go before 1.8 */
    CHECK_STR(decoded(&b).prefix, S("usr/lib"));
    strcpy(b.tail.prefix, "usr/\xff");
    CHECK(decoded(&b).prefix.n == 0);
}

TEST(numbers_out_of_range)
{
    TarBlock b = make_block('0', "f", 0);
    TarHead h;
    Err err;

    make_base256(b.size, sizeof(b.size), -1);
    CHECK_ERR(tar_block_decode(&b, &h, &err), ERR_FORMAT, "negative size");
    make_base256(b.size, sizeof(b.size), (int64_t)LIMIT_FILE_SIZE);
    CHECK_OK(tar_block_decode(&b, &h, &err));
    make_base256(b.size, sizeof(b.size), (int64_t)LIMIT_FILE_SIZE + 1);
    CHECK_ERR(tar_block_decode(&b, &h, &err), ERR_LIMIT, "size");
    b = make_block('0', "f", 0);
    make_base256(b.uid, sizeof(b.uid), -2);
    make_base256(b.gid, sizeof(b.gid), (int64_t)1 << 32);
    h = decoded(&b);
    CHECK(h.uid == 4294967294 && h.gid == (uint64_t)1 << 32);
    make_base256(b.uid, sizeof(b.uid), (int64_t)INT32_MIN - 1);
    CHECK_ERR(tar_block_decode(&b, &h, &err), ERR_FORMAT, "uid");
    b = make_block('0', "f", 0);
    strcpy(b.mtime, "yesterday");
    CHECK_ERR(tar_block_decode(&b, &h, &err), ERR_FORMAT, "field mtime is not a number");
    b = make_block('4', "f", 0);
    make_base256(b.major, sizeof(b.major), (int64_t)1 << 32);
    CHECK_ERR(tar_block_decode(&b, &h, &err), ERR_FORMAT, "device");
}

TEST(times_are_clamped)
{
    CHECK(tar_time_ns(1, 5) == 1000000005);
    CHECK(tar_time_ns(-1, -5) == -1000000005);
    CHECK(tar_time_ns(-9223372036, -854775808) == INT64_MIN);
    CHECK(tar_time_ns(9223372036, 854775807) == INT64_MAX);
    CHECK(tar_time_ns(9223372036, 854775808) == INT64_MAX);
    CHECK(tar_time_ns(INT64_MAX, 0) == INT64_MAX);
    CHECK(tar_time_ns(INT64_MIN, 0) == INT64_MIN);
}

TEST_MAIN(T(octal_as_programs_write_it), T(octal_that_is_not), T(base_256), T(base_256_overflow),
          T(numbers_are_put_or_refused), T(checksums_both_ways), T(empty_blocks), T(dialects),
          T(fields), T(prefixes_by_dialect), T(numbers_out_of_range), T(times_are_clamped))
