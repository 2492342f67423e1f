/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deflate engines against each other: every one reads what the other writes, both stop at the
 * same byte, and both agree on which of many damaged streams are streams.
 */
#include "codec/feed.h"
#include "codec/flate.h"
#include "codec_test.h"

static const Inflater *inflaters(size_t i)
{
    return i == 0 ? &inflate_zlib : inflate_fast();
}

typedef struct Inflated {
    Buf out;
    size_t end; /* of the stream, in the input */
    int r;      /* FLATE_END, FLATE_MORE when the input was not enough, -1 */
} Inflated;

/* The input is seen as far as 'first', then to its end. The bytes behind a position are there for
   the engine to give back, as in a Feed. */
static Inflated inflate_split(const Inflater *e, void *z, Str in, size_t first, size_t n_room)
{
    Inflated got = {.out = BUF_INIT(TEST_MAX)};
    const unsigned char *begin = (const unsigned char *)in.p, *p = begin;
    cleanup_free unsigned char *room = NEW_N(unsigned char, n_room);
    size_t seen = first < in.n ? first : in.n;
    Err err;

    for (;;) {
        size_t n = (size_t)(begin + seen - p), before = n, k = 0;

        got.r = e->step(z, &p, &n, room, n_room, &k, &err);
        if (got.r < 0)
            break;
        CHECK(p + n == begin + seen);
        CHECK(k <= n_room);
        buf_append(&got.out, room, k);
        if (got.r == FLATE_END || (k == 0 && n == before && seen == in.n) ||
            got.out.n > (size_t)1 << 22)
            break;
        if (n == 0 && k == 0)
            seen = in.n;
    }
    got.end = (size_t)(p - begin);
    return got;
}

TEST(stops_at_the_same_byte)
{
    cleanup_buf Buf data = sample(3000, 7);
    cleanup_buf Buf z = make_deflate(buf_str(&data), 6, -15);
    size_t n = z.n;
    static const size_t rooms[] = {1, 7, 300, 4096};

    buf_add_z(&z, "ABCDEFGHIJKLMNOPQRST");
    for (size_t i = 0; i < 2; i++) {
        void *state = inflaters(i)->new ();

        for (size_t first = 0; first <= z.n; first += first + 40 < n ? 10 : 1) {
            for (size_t k = 0; k < ARRAY_LEN(rooms); k++) {
                Inflated got = inflate_split(inflaters(i), state, buf_str(&z), first, rooms[k]);

                CHECK(got.r == FLATE_END && got.end == n);
                CHECK_STR(buf_str(&got.out), buf_str(&data));
                buf_done(&got.out);
                inflaters(i)->reset(state);
            }
        }
        inflaters(i)->free(state);
    }
}

/* Streams with trailing bytes right behind very short last blocks: what is read ahead is most. */
TEST(gives_back_after_short_streams)
{
    for (size_t n_data = 0; n_data < 40; n_data++) {
        for (int level = 0; level <= 9; level += 3) {
            cleanup_buf Buf data = sample(n_data, n_data);
            cleanup_buf Buf z = make_deflate(buf_str(&data), level, -15);
            size_t n = z.n;

            buf_add_z(&z, "0123456789");
            for (size_t i = 0; i < 2; i++) {
                for (size_t first = 0; first <= z.n; first++) {
                    void *state = inflaters(i)->new ();
                    Inflated got = inflate_split(inflaters(i), state, buf_str(&z), first, 1);

                    CHECK(got.r == FLATE_END && got.end == n);
                    CHECK_STR(buf_str(&got.out), buf_str(&data));
                    buf_done(&got.out);
                    inflaters(i)->free(state);
                }
            }
        }
    }
}

/* Same verdict; the same bytes where it is good, and one a prefix of the other where it is not. */
static void check_agreement(Str z, size_t first)
{
    Inflated got[2];

    for (size_t i = 0; i < 2; i++) {
        void *state = inflaters(i)->new ();

        got[i] = inflate_split(inflaters(i), state, z, first, 65536);
        inflaters(i)->free(state);
    }
    CHECK((got[0].r == FLATE_END) == (got[1].r == FLATE_END));
    if (got[0].r == FLATE_END) {
        CHECK(got[0].end == got[1].end);
        CHECK_STR(buf_str(&got[0].out), buf_str(&got[1].out));
    }
    buf_done(&got[0].out);
    buf_done(&got[1].out);
}

TEST(engines_agree_on_damage)
{
    uint64_t seed = 11;

    for (size_t round = 0; round < 3000; round++) {
        cleanup_buf Buf data = sample(test_random(&seed) % 2000, test_random(&seed));
        cleanup_buf Buf z = make_deflate(buf_str(&data), (int)(test_random(&seed) % 10), -15);

        for (uint64_t k = test_random(&seed) % 4; k > 0; k--)
            z.p[test_random(&seed) % z.n] ^= (char)(1 << test_random(&seed) % 8);
        if (test_random(&seed) % 4 == 0)
            buf_truncate(&z, test_random(&seed) % z.n);
        check_agreement(buf_str(&z), test_random(&seed) % (z.n + 1));
    }
}

TEST(engines_agree_on_noise)
{
    for (size_t round = 0; round < 3000; round++) {
        cleanup_buf Buf z = noise(64, round);

        check_agreement(buf_str(&z), round % 65);
    }
}

TEST(refuses_to_look_behind_the_start)
{
    /* one fixed block: a match of length 3 at distance 1 with nothing before it */
    static const unsigned char z[] = {0x03, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
    unsigned char out[64];
    Err err;

    for (size_t i = 0; i < 2; i++) {
        void *state = inflaters(i)->new ();
        const unsigned char *p = z;
        size_t n = sizeof(z), k = 0;

        CHECK_ERR(inflaters(i)->step(state, &p, &n, out, sizeof(out), &k, &err), ERR_FORMAT,
                  "too far back");
        inflaters(i)->free(state);
    }
}

TEST(crcs_are_equal)
{
    cleanup_buf Buf data = noise(5000, 3);

    for (size_t n = 0; n < data.n; n += 61) {
        uint32_t want = (uint32_t)crc32(0, (const Bytef *)data.p, (uInt)n);

        CHECK(inflate_zlib.crc32(0, data.p, n) == want);
        CHECK(inflate_fast()->crc32(0, data.p, n) == want);
        CHECK(deflate_fast()->crc32(deflate_fast()->crc32(0, data.p, n / 3), data.p + n / 3,
                                    n - n / 3) == want);
    }
    CHECK(inflate_fast()->crc32(0, "123456789", 9) == 0xcbf43926);
}

static const Deflater *deflaters(size_t i)
{
    return i == 0 ? &deflate_zlib : deflate_fast();
}

TEST(refuses_to_overflow)
{
    cleanup_buf Buf data = noise(4096, 5);
    FlateChunk chunk = {NULL, 0, data.p, data.n, true};
    unsigned char out[1000];
    size_t n;
    Err err;

    for (size_t i = 0; i < 2; i++) {
        void *z = deflaters(i)->new (1);

        CHECK_ERR(deflaters(i)->chunk(z, &chunk, out, sizeof(out), &n, &err), ERR_LIMIT, "fit");
        deflaters(i)->free(z);
    }
}

TEST(frees_nothing)
{
    for (size_t i = 0; i < 2; i++) {
        inflaters(i)->free(NULL);
        deflaters(i)->free(NULL);
    }
}

TEST_MAIN(T(stops_at_the_same_byte), T(gives_back_after_short_streams), T(engines_agree_on_damage),
          T(engines_agree_on_noise), T(refuses_to_look_behind_the_start), T(crcs_are_equal),
          T(refuses_to_overflow), T(frees_nothing))
