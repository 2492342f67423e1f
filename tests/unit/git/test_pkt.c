/* SPDX-License-Identifier: Apache-2.0 */
/* Packets: lengths, ends, bands, what the other side says. */
#include "git/pkt.h"
#include "test.h"

typedef struct Fixture {
    MemReader in;
    PktReader p;
} Fixture;

static void setup(Fixture *f, Str text)
{
    f->in = mem_reader(text);
    pkt_init(&f->p, &f->in.r);
}

TEST(kinds)
{
    static Fixture f;
    PktKind kind;
    Err err;

    setup(&f, S("0006a\n0005b0004000000010002000aERR "));
    CHECK_OK(pkt_line(&f.p, &kind, &err));
    CHECK(kind == PKT_DATA);
    CHECK_STR(f.p.data, S("a"));
    CHECK_OK(pkt_line(&f.p, &kind, &err));
    CHECK_STR(f.p.data, S("b"));
    CHECK_OK(pkt_line(&f.p, &kind, &err));
    CHECK(kind == PKT_DATA && f.p.data.n == 0);
    CHECK_OK(pkt_line(&f.p, &kind, &err));
    CHECK(kind == PKT_FLUSH);
    CHECK_OK(pkt_line(&f.p, &kind, &err));
    CHECK(kind == PKT_DELIM);
    CHECK_OK(pkt_line(&f.p, &kind, &err));
    CHECK(kind == PKT_END);
    CHECK_ERR(pkt_line(&f.p, &kind, &err), ERR_NET, "middle of a packet");
    setup(&f, S(""));
    CHECK_OK(pkt_line(&f.p, &kind, &err));
    CHECK(kind == PKT_EOF);
}

static void is_wrong(Str text, ErrKind want, const char *part)
{
    static Fixture f;
    PktKind kind;
    Err err;

    setup(&f, text);
    CHECK_ERR(pkt_next(&f.p, &kind, &err), want, part);
}

TEST(wrong_packets)
{
    is_wrong(S("00"), ERR_NET, "middle of a packet");
    is_wrong(S("<htm"), ERR_FORMAT, "no git server");
    is_wrong(S("-001"), ERR_FORMAT, "no git server");
    is_wrong(S("0003"), ERR_FORMAT, "packet of 3 bytes");
    is_wrong(S("fff1x"), ERR_FORMAT, "packet of 65521 bytes");
    is_wrong(S("FFF0x"), ERR_NET, "middle of a packet");
    is_wrong(S("0012ERR no\033[31m\n\n\n"), ERR_HTTP, "the server says: no [31m");
}

TEST(bands)
{
    static Fixture f;
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);
    BandReader b;
    Err err;

    setup(&f, S("0007\001ab0009\002note0006\001c0000rest"));
    b = band_reader(&f.p);
    CHECK_OK(reader_read_all(&b.r, &got, "bands", &err));
    CHECK_STR(buf_str(&got), S("abc"));
    CHECK_STR(f.in.data, S("rest"));

    setup(&f, S("0007\001ab"));
    b = band_reader(&f.p);
    CHECK_ERR(reader_read_all(&b.r, &got, "bands", &err), ERR_NET, "middle of a pack");
    setup(&f, S("0009\003oops"));
    b = band_reader(&f.p);
    CHECK_ERR(reader_read_all(&b.r, &got, "bands", &err), ERR_HTTP, "the server says: oops");
    setup(&f, S("0006\004x"));
    b = band_reader(&f.p);
    CHECK_ERR(reader_read_all(&b.r, &got, "bands", &err), ERR_FORMAT, "band 4");
    setup(&f, S("0004"));
    b = band_reader(&f.p);
    CHECK_ERR(reader_read_all(&b.r, &got, "bands", &err), ERR_FORMAT, "empty packet");
}

TEST(writing)
{
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);

    pkt_add(&out, "want %s\n", "x");
    pkt_add_delim(&out);
    pkt_add_flush(&out);
    CHECK_STR(buf_str(&out), S("000bwant x\n00010000"));
}

TEST_MAIN(T(kinds), T(wrong_packets), T(bands), T(writing))
