/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers from FIPS 180-4 and its examples; the same bytes in any number of pieces. */
#include "codec/sha256.h"
#include "test.h"

typedef struct Vector {
    const char *text;
    size_t repeat;
    const char *hex;
} Vector;

static const Vector vectors[] = {
    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

static void check_sum(const unsigned char sum[SHA256_BYTES], const char *want)
{
    char hex[SHA256_HEX + 1];

    sha256_hex(sum, hex);
    CHECK_STR(str_from(hex), str_from(want));
}

TEST(answers_known_vectors)
{
    cleanup_with(sha256_free_at) Sha256 *h = sha256_new();
    unsigned char sum[SHA256_BYTES];

    /* one object for all of them: final leaves it ready for the next message */
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        for (size_t k = 0; k < vectors[i].repeat; k++)
            sha256_update(h, vectors[i].text, strlen(vectors[i].text));
        sha256_final(h, sum);
        check_sum(sum, vectors[i].hex);
    }
}

TEST(answers_in_one_call)
{
    unsigned char sum[SHA256_BYTES];

    for (size_t i = 0; i < 3; i++) {
        sha256_of(vectors[i].text, strlen(vectors[i].text), sum);
        check_sum(sum, vectors[i].hex);
    }
    sha256_of(NULL, 0, sum);
    check_sum(sum, vectors[0].hex);
}

TEST(does_not_depend_on_the_pieces)
{
    unsigned char data[1000], whole[SHA256_BYTES], pieces[SHA256_BYTES];
    cleanup_with(sha256_free_at) Sha256 *h = sha256_new();

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 7);
    sha256_of(data, sizeof(data), whole);
    for (size_t step = 1; step < 200; step += 13) {
        for (size_t at = 0; at < sizeof(data); at += step)
            sha256_update(h, data + at, at + step < sizeof(data) ? step : sizeof(data) - at);
        sha256_final(h, pieces);
        CHECK(memcmp(whole, pieces, SHA256_BYTES) == 0);
    }
}

TEST(frees_nothing)
{
    sha256_free(NULL);
}

TEST_MAIN(T(answers_known_vectors), T(answers_in_one_call), T(does_not_depend_on_the_pieces),
          T(frees_nothing))
