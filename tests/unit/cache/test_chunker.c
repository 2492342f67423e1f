/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include "cache/chunker.h"
#include "codec/sha256.h"
#include "test.h"

enum {
    STREAM = 24 << 20
};

typedef struct Seen {
    Map digests;
    size_t chunks, known, smallest, largest, total;
    size_t fresh;       /* bytes of chunks that are not among the earlier ones */
    size_t first[6];    /* sizes */
    const Map *earlier; /* NULL: none */
} Seen;

static int see(void *ctx, Str chunk, Err *err)
{
    Seen *s = ctx;
    unsigned char sum[SHA256_BYTES];
    Str key = {(const char *)sum, sizeof(sum)};

    (void)err;
    sha256_of(chunk.p, chunk.n, sum);
    (void)map_set(&s->digests, key, s);
    if (s->chunks < ARRAY_LEN(s->first))
        s->first[s->chunks] = chunk.n;
    s->chunks++;
    s->total += chunk.n;
    if (s->earlier && map_find(s->earlier, key))
        s->known++;
    else
        s->fresh += chunk.n;
    if (!s->smallest || chunk.n < s->smallest)
        s->smallest = chunk.n;
    if (chunk.n > s->largest)
        s->largest = chunk.n;
    return 0;
}

/* The same bytes whatever pieces they are written in. */
static void cut(unsigned scale, Str data, size_t piece, Seen *ret)
{
    cleanup_with(chunker_free_at) Chunker *c = chunker_new(scale, see, ret);
    Err err;

    while (data.n) {
        size_t n = data.n < piece ? data.n : piece;

        CHECK_OK(writer_write(chunker_writer(c), data.p, n, &err));
        data = str_skip(data, n);
    }
    CHECK_OK(chunker_finish(c, &err));
}

static char *noise(size_t n)
{
    char *p = NEW_N(char, n);
    uint64_t x = 88172645463325252u;

    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        p[i] = (char)(x >> 32);
    }
    return p;
}

/* What is kept was cut by the kilns of yesterday: these sizes do not change with the program. */
TEST(cuts_are_a_format)
{
    static const size_t want[][6] = {{1048576, 1048576, 289730, 820940, 430819, 252959},
                                     {2097152, 289730, 1251759, 379143, 310757, 2097152}};
    cleanup_free char *a = noise(STREAM);

    for (unsigned scale = 0; scale < ARRAY_LEN(want); scale++) {
        Seen seen = {0};

        cut(scale, (Str){a, STREAM}, STREAM, &seen);
        for (size_t i = 0; i < ARRAY_LEN(want[scale]); i++)
            CHECK(seen.first[i] == want[scale][i]);
        map_done(&seen.digests);
    }
}

TEST(cuts_by_content)
{
    cleanup_free char *a = noise(STREAM), *b = NEW_N(char, STREAM + 7);

    for (unsigned scale = 0; scale < 3; scale++) {
        Seen first = {0}, again = {0}, moved = {.earlier = &first.digests};

        cut(scale, (Str){a, STREAM}, STREAM, &first);
        CHECK(first.total == STREAM);
        CHECK(first.chunks > 32u >> scale && first.chunks < 128u >> scale);
        CHECK(first.largest <= chunk_max(scale));

        again.earlier = &first.digests;
        cut(scale, (Str){a, STREAM}, 4093, &again);
        CHECK(again.chunks == first.chunks && again.known == first.chunks);

        /* seven bytes more in the middle, and one changed near the end */
        memcpy(b, a, STREAM / 2);
        memcpy(b + STREAM / 2 + 7, a + STREAM / 2, STREAM / 2);
        b[STREAM - (1 << 20)] ^= 1;
        cut(scale, (Str){b, STREAM + 7}, 65536, &moved);
        CHECK(moved.total == STREAM + 7);
        CHECK(moved.known + 6 >= moved.chunks);
        map_done(&first.digests);
        map_done(&again.digests);
        map_done(&moved.digests);
    }
}

/* 1 MiB overwritten in a large file, and the time in its header: the chunks of both, and few more. */
TEST(a_change_costs_little)
{
    cleanup_free char *a = noise(STREAM), *b = NEW_N(char, STREAM);
    Seen first = {0};

    cut(0, (Str){a, STREAM}, STREAM, &first);
    for (size_t at = 4 << 20; at < 20 << 20; at += 1300007) {
        Seen changed = {.earlier = &first.digests};

        memcpy(b, a, STREAM);
        b[at - (3 << 20)] ^= 1;
        for (size_t i = 0; i < 1 << 20; i++)
            b[at + i] ^= 0x5a;
        cut(0, (Str){b, STREAM}, STREAM, &changed);
        CHECK(changed.fresh > 1 << 20 && changed.fresh < 4 << 20);
        map_done(&changed.digests);
    }
    map_done(&first.digests);
}

TEST(no_cuts_and_no_bytes)
{
    cleanup_free char *zeros = NEW_N(char, 5 << 20);
    Seen flat = {0}, none = {0};

    memset(zeros, 0, 5 << 20);
    cut(0, (Str){zeros, 5 << 20}, 1 << 20, &flat); /* what never cuts by itself */
    CHECK(flat.total == 5 << 20 && flat.largest == chunk_max(0) && flat.chunks == 5);
    cut(0, (Str){zeros, 0}, 1, &none);
    CHECK(none.chunks == 0);
    map_done(&flat.digests);
    map_done(&none.digests);
}

TEST_MAIN(T(cuts_are_a_format), T(cuts_by_content), T(a_change_costs_little),
          T(no_cuts_and_no_bytes))
