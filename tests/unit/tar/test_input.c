/* SPDX-License-Identifier: Apache-2.0 */
#include "make.h"
#include "tar/input.h"

/* A stream that hands out at most 'piece' bytes at a time, counts the calls and remembers the largest request. */
typedef struct Drip {
    Reader r;
    Str left;
    size_t piece, calls, largest;
} Drip;

static ssize_t drip_read(Reader *self, void *buf, size_t n, Err *err)
{
    Drip *d = (Drip *)self;
    size_t k = n < d->piece ? n : d->piece;

    (void)err;
    d->calls++;
    if (n > d->largest)
        d->largest = n;
    if (k > d->left.n)
        k = d->left.n;
    memcpy(buf, d->left.p, k);
    d->left = str_skip(d->left, k);
    return (ssize_t)k;
}

static Drip drip(Str data, size_t piece)
{
    return (Drip){.r = {drip_read}, .left = data, .piece = piece};
}

static char big[1 << 20]; /* every byte tells where it is */

static void fill_big(void)
{
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 31 + i / 512);
}

static void blocks_at(size_t piece)
{
    Drip d = drip((Str){big, 100 * TAR_BLOCK}, piece);
    const TarBlock *b;
    TarInput in;
    Err err;

    tar_input_init(&in, &d.r);
    for (size_t i = 0; i < 100; i++) {
        CHECK(in.offset == i * TAR_BLOCK);
        CHECK(tar_input_block(&in, &b, &err) == 1);
        CHECK(memcmp(b, big + i * TAR_BLOCK, TAR_BLOCK) == 0);
    }
    CHECK(tar_input_block(&in, &b, &err) == 0);
    CHECK(tar_input_block(&in, &b, &err) == 0);
    tar_input_done(&in);
}

TEST(blocks_out_of_any_pieces)
{
    fill_big();
    blocks_at(1);
    blocks_at(511);
    blocks_at(513);
    blocks_at(sizeof(big));
}

TEST(a_part_of_a_block)
{
    Drip d = drip((Str){big, TAR_BLOCK + 511}, 4096);
    const TarBlock *b;
    TarInput in;
    Err err;

    tar_input_init(&in, &d.r);
    CHECK(tar_input_block(&in, &b, &err) == 1);
    CHECK_ERR(tar_input_block(&in, &b, &err), ERR_FORMAT, "within a block");
    tar_input_done(&in);
}

/* Block, data, block, ... with data of many sizes: every byte in its place, however it is read. */
TEST(blocks_and_data)
{
    static const size_t sizes[] = {1, 511, 512, 5000, 16384, 70000, 300000};
    static char got[sizeof(big)];

    fill_big();
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        Drip d = drip((Str){big, sizeof(big)}, 50000);
        size_t at = 0;
        const TarBlock *b;
        TarInput in;
        Err err;

        tar_input_init(&in, &d.r);
        while (at + TAR_BLOCK + sizes[s] <= sizeof(big)) {
            CHECK(tar_input_block(&in, &b, &err) == 1);
            CHECK(memcmp(b, big + at, TAR_BLOCK) == 0);
            at += TAR_BLOCK;
            for (size_t done = 0; done < sizes[s];) {
                ssize_t k = tar_input_read(&in, got, sizes[s] - done, &err);

                CHECK(k > 0);
                CHECK(memcmp(got, big + at, (size_t)k) == 0);
                done += (size_t)k;
                at += (size_t)k;
            }
            CHECK(in.offset == at);
        }
        tar_input_done(&in);
    }
}

TEST(large_requests_go_straight_through)
{
    Drip d = drip((Str){big, sizeof(big)}, sizeof(big));
    static char got[512 << 10];
    const TarBlock *b;
    TarInput in;
    Err err;

    tar_input_init(&in, &d.r);
    CHECK(tar_input_block(&in, &b, &err) == 1);
    while (in.end > in.at)
        CHECK(tar_input_read(&in, got, in.end - in.at, &err) > 0);
    d.largest = d.calls = 0;
    CHECK(tar_input_read(&in, got, sizeof(got), &err) == (ssize_t)sizeof(got));
    CHECK(d.largest == sizeof(got) && d.calls == 1);
    tar_input_done(&in);
}

TEST(skipping)
{
    Drip d = drip((Str){big, sizeof(big)}, 10000);
    uint64_t missing = 7;
    const TarBlock *b;
    TarInput in;
    Err err;

    fill_big();
    tar_input_init(&in, &d.r);
    CHECK_OK(tar_input_skip(&in, 0, &missing, &err));
    CHECK(missing == 0 && d.calls == 0);
    CHECK_OK(tar_input_skip(&in, 777777, &missing, &err));
    CHECK(missing == 0 && in.offset == 777777);
    CHECK(tar_input_block(&in, &b, &err) == 1);
    CHECK(memcmp(b, big + 777777, TAR_BLOCK) == 0);
    CHECK_OK(tar_input_skip(&in, sizeof(big), &missing, &err));
    CHECK(missing == 777777 + TAR_BLOCK && in.offset == sizeof(big));
    tar_input_done(&in);
}

TEST(draining)
{
    Drip d = drip((Str){big, sizeof(big)}, 10000);
    const TarBlock *b;
    TarInput in;
    Err err;

    tar_input_init(&in, &d.r);
    CHECK(tar_input_block(&in, &b, &err) == 1);
    CHECK_OK(tar_input_drain(&in, &err));
    CHECK(d.left.n == 0 && in.offset == sizeof(big));
    CHECK(tar_input_block(&in, &b, &err) == 0);
    tar_input_done(&in);
}

TEST_MAIN(T(blocks_out_of_any_pieces), T(a_part_of_a_block), T(blocks_and_data),
          T(large_requests_go_straight_through), T(skipping), T(draining))
