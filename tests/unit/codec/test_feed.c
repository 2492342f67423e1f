/* SPDX-License-Identifier: Apache-2.0 */
/* The window over a Reader: looks, refills of any size, and the bytes that can be given back. */
#include "codec/feed.h"
#include "codec_test.h"

static Feed *new_feed(Reader *in)
{
    Feed *f = NEW(Feed);

    feed_init(f, in);
    return f;
}

TEST(gives_every_byte_once)
{
    cleanup_buf Buf data = sample(300000, 1);

    for (size_t step = 1; step < 200000; step = step * 5 + 2) {
        PieceReader in = piece_reader(buf_str(&data), step);
        cleanup_free Feed *f = new_feed(&in.r);
        unsigned char c;
        Err err;
        size_t n = 0;

        for (int r; (r = feed_byte(f, &c, &err)) != 0; n++) {
            CHECK_OK(r);
            CHECK(c == (unsigned char)data.p[n]);
        }
        CHECK(n == data.n);
        CHECK(f->ended && f->n == 0);
    }
}

TEST(looks_without_consuming)
{
    PieceReader in = piece_reader(S("0123456789"), 3);
    cleanup_free Feed *f = new_feed(&in.r);
    Err err;

    CHECK_OK(feed_look(f, 8, &err));
    CHECK(f->n >= 8 && memcmp(f->p, "01234567", 8) == 0);
    feed_consume(f, 7);
    CHECK_OK(feed_look(f, 16, &err));
    CHECK(f->n == 3 && f->ended && memcmp(f->p, "789", 3) == 0);
}

TEST(keeps_what_is_behind)
{
    cleanup_buf Buf data = sample(200000, 2);
    PieceReader in = piece_reader(buf_str(&data), SIZE_MAX);
    cleanup_free Feed *f = new_feed(&in.r);
    size_t at = 0;
    Err err;

    for (;;) {
        CHECK_OK(feed_fill(f, &err));
        if (f->n == 0)
            break;
        if (at >= FEED_BEHIND)
            CHECK(memcmp(f->p - FEED_BEHIND, data.p + at - FEED_BEHIND, FEED_BEHIND) == 0);
        at += f->n;
        feed_consume(f, f->n);
    }
    CHECK(at == data.n);
    CHECK(memcmp(f->p - FEED_BEHIND, data.p + at - FEED_BEHIND, FEED_BEHIND) == 0);
}

TEST(hands_on_errors)
{
    FailingReader in = failing_reader(S("ab"));
    cleanup_free Feed *f = new_feed(&in.r);
    Err err;

    CHECK_ERR(feed_look(f, 8, &err), ERR_NET, "the wire broke");
}

TEST_MAIN(T(gives_every_byte_once), T(looks_without_consuming), T(keeps_what_is_behind),
          T(hands_on_errors))
