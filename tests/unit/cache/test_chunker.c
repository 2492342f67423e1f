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
    s->chunks++;
    s->total += chunk.n;
    if (s->earlier && map_find(s->earlier, key))
        s->known++;
    if (!s->smallest || chunk.n < s->smallest)
        s->smallest = chunk.n;
    if (chunk.n > s->largest)
        s->largest = chunk.n;
    return 0;
}

/* The same bytes whatever pieces they are written in. */
static void cut(Str data, size_t piece, Seen *ret)
{
    cleanup_with(chunker_free_at) Chunker *c = chunker_new(see, ret);
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

TEST(cuts_by_content)
{
    cleanup_free char *a = noise(STREAM), *b = NEW_N(char, STREAM + 7);
    cleanup_free char *zeros = NEW_N(char, 5 << 20);
    Seen first = {0}, again = {0}, moved = {0}, flat = {0}, none = {0};

    cut((Str){a, STREAM}, STREAM, &first);
    CHECK(first.total == STREAM);
    CHECK(first.chunks > 12 && first.chunks < 48);
    CHECK(first.largest <= CHUNK_MAX);

    again.earlier = &first.digests;
    cut((Str){a, STREAM}, 4093, &again);
    CHECK(again.chunks == first.chunks && again.known == first.chunks);

    /* seven bytes more in the middle, and one changed near the end */
    memcpy(b, a, STREAM / 2);
    memcpy(b + STREAM / 2 + 7, a + STREAM / 2, STREAM / 2);
    b[STREAM - (1 << 20)] ^= 1;
    moved.earlier = &first.digests;
    cut((Str){b, STREAM + 7}, 65536, &moved);
    CHECK(moved.total == STREAM + 7);
    CHECK(moved.known + 6 >= moved.chunks);

    cut((Str){zeros, 5 << 20}, 1 << 20, &flat); /* what never cuts by itself */
    CHECK(flat.total == 5 << 20 && flat.largest <= CHUNK_MAX && flat.chunks <= 20);
    cut((Str){a, 0}, 1, &none);
    CHECK(none.chunks == 0);
    map_done(&first.digests);
    map_done(&again.digests);
    map_done(&moved.digests);
    map_done(&flat.digests);
    map_done(&none.digests);
}

TEST_MAIN(T(cuts_by_content))
