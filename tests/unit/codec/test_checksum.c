/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C: RFC 3720 B.4 and the usual check value; MD5: RFC 1321 A.5. In any number of pieces. */
#include "codec/checksum.h"
#include "test.h"

TEST(crc32c_answers_known_vectors)
{
    unsigned char bytes[32];

    memset(bytes, 0, sizeof(bytes));
    CHECK(crc32c_update(0, bytes, 32) == 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    CHECK(crc32c_update(0, bytes, 32) == 0x62a8ab43);
    for (unsigned char i = 0; i < 32; i++)
        bytes[i] = i;
    CHECK(crc32c_update(0, bytes, 32) == 0x46dd794e);
    CHECK(crc32c_update(0, "123456789", 9) == 0xe3069283);
    CHECK(crc32c_update(0, "", 0) == 0);
}

TEST(crc32_answers_the_usual_check_value)
{
    CHECK(crc32_update(0, "123456789", 9) == 0xcbf43926);
    CHECK(crc32_update(crc32_update(0, "1234", 4), "56789", 5) == 0xcbf43926);
}

TEST(crc32c_goes_on_where_it_stopped)
{
    const char *text = "The quick brown fox jumps over the lazy dog";
    uint32_t whole = crc32c_update(0, text, strlen(text));

    CHECK(whole == 0x22620404);
    for (size_t i = 0; i <= strlen(text); i++)
        CHECK(crc32c_update(crc32c_update(0, text, i), text + i, strlen(text) - i) == whole);
}

static void check_md5(Md5 *h, const char *want)
{
    unsigned char sum[MD5_BYTES];
    char hex[2 * MD5_BYTES + 1];

    md5_final(h, sum);
    for (size_t i = 0; i < MD5_BYTES; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    CHECK_STR(str_from(hex), str_from(want));
}

TEST(md5_answers_known_vectors)
{
    cleanup_with(md5_free_at) Md5 *h = md5_new();

    check_md5(h, "d41d8cd98f00b204e9800998ecf8427e");
    md5_update(h, "message", 7);
    md5_update(h, " digest", 7);
    check_md5(h, "f96b697d7cb7938d525a2f31aaf161d0");
    md5_update(h, "rubbish", 7);
    md5_restart(h);
    md5_update(h, "abc", 3);
    check_md5(h, "900150983cd24fb0d6963f7d28e17f72");
}

TEST_MAIN(T(crc32c_answers_known_vectors), T(crc32_answers_the_usual_check_value),
          T(crc32c_goes_on_where_it_stopped), T(md5_answers_known_vectors))
