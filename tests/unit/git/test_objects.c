/* SPDX-License-Identifier: Apache-2.0 */
/* Packs made by hand: whole objects, both kinds of delta, and every way to be wrong. */
#include <sys/mman.h>
#include <time.h>
#include <zlib.h>

#include "codec/sha1.h"
#include "git/pack_read.h"
#include "git/pack_write.h"
#include "os/fd.h"
#include "test.h"

typedef struct Fixture {
    Buf pack;
    uint32_t n;
    GitSpool spool;
    GitObjects *o;
} Fixture;

static void setup(Fixture *f)
{
    *f = (Fixture){.pack = BUF_INIT((size_t)64 << 20)};
    f->spool.fd = memfd_create("spool", MFD_CLOEXEC);
    CHECK(f->spool.fd >= 0);
    f->o = git_objects_new(&f->spool);
    buf_add(&f->pack, (Str){"PACK\0\0\0\2\0\0\0\0", 12});
}

static void teardown(Fixture *f)
{
    git_objects_free(f->o);
    close(f->spool.fd);
    buf_done(&f->pack);
}

/* type and size of an entry; returns where it begins */
static size_t head(Fixture *f, unsigned type, size_t size)
{
    size_t at = f->pack.n;
    unsigned c = type << 4 | (unsigned)(size & 15);

    for (size >>= 4; size; size >>= 7) {
        buf_add_char(&f->pack, (char)(c | 128));
        c = (unsigned)(size & 127);
    }
    buf_add_char(&f->pack, (char)c);
    f->n++;
    return at;
}

static void deflated(Fixture *f, Str data)
{
    uLongf n = compressBound(data.n);
    Bytef *out = NEW_N(Bytef, n);

    CHECK(compress2(out, &n, (const Bytef *)data.p, data.n, 6) == Z_OK);
    buf_append(&f->pack, out, n);
    free(out);
}

static size_t object(Fixture *f, GitType type, Str data)
{
    size_t at = head(f, type, data.n);

    deflated(f, data);
    return at;
}

static size_t ofs_delta(Fixture *f, size_t base, Str delta)
{
    size_t at = head(f, 6, delta.n), distance = at - base;
    unsigned char text[8];
    size_t n = sizeof(text);

    text[--n] = distance & 127;
    while (distance >>= 7)
        text[--n] = (unsigned char)(128 | (--distance & 127));
    buf_append(&f->pack, text + n, sizeof(text) - n);
    deflated(f, delta);
    return at;
}

static void ref_delta(Fixture *f, const GitId *base, Str delta)
{
    (void)head(f, 7, delta.n);
    buf_append(&f->pack, base->b, GIT_ID_BYTES);
    deflated(f, delta);
}

static void seal(Fixture *f)
{
    cleanup_with(sha1_free_at) Sha1 *h = sha1_new();
    unsigned char sum[SHA1_BYTES];

    f->pack.p[8] = (char)(f->n >> 24);
    f->pack.p[9] = (char)(f->n >> 16);
    f->pack.p[10] = (char)(f->n >> 8);
    f->pack.p[11] = (char)f->n;
    sha1_update(h, f->pack.p, f->pack.n);
    sha1_final(h, sum);
    buf_append(&f->pack, sum, sizeof(sum));
}

static int read_pack(Fixture *f, Err *err)
{
    MemReader in = mem_reader(buf_str(&f->pack));

    return git_pack_read(f->o, &in.r, err);
}

static GitId id_of(const char *type, Str data)
{
    cleanup_with(sha1_free_at) Sha1 *h = sha1_new();
    char text[64];
    GitId id;

    (void)snprintf(text, sizeof(text), "%s %zu", type, data.n);
    sha1_update(h, text, strlen(text) + 1);
    sha1_update(h, data.p, data.n);
    sha1_final(h, id.b);
    return id;
}

static void expect(Fixture *f, GitType type, const char *name, Str data)
{
    cleanup_buf Buf got = BUF_INIT((size_t)64 << 20);
    GitId id = id_of(name, data);
    Err err;

    CHECK_OK(git_objects_get(f->o, &id, type, &got, &err));
    CHECK_STR(buf_str(&got), data);
}

TEST(whole_objects)
{
    Fixture f;
    Err err;
    char *large = NEW_N(char, 1000000);

    for (size_t i = 0; i < 1000000; i++)
        large[i] = (char)(i * i / 7);
    setup(&f);
    object(&f, GIT_BLOB, S("hello\n"));
    object(&f, GIT_BLOB, S(""));
    object(&f, GIT_COMMIT, S("tree x"));
    object(&f, GIT_BLOB, (Str){large, 1000000});
    seal(&f);
    CHECK_OK(read_pack(&f, &err));
    CHECK(git_objects_count(f.o) == 4);
    CHECK_STR(str_from(git_id_format(&git_objects_at(f.o, 0)->id).z),
              S("ce013625030ba8dba906f756967f9e9ca394464a")); /* what git says of that file */
    expect(&f, GIT_BLOB, "blob", S("hello\n"));
    expect(&f, GIT_BLOB, "blob", S(""));
    expect(&f, GIT_COMMIT, "commit", S("tree x"));
    expect(&f, GIT_BLOB, "blob", (Str){large, 1000000});
    free(large);
    teardown(&f);
}

/* base 10 bytes, result 8: copy 5 from 2, insert "xyz" */
#define DELTA S("\x0a\x08\x91\x02\x05\x03xyz")

TEST(deltas)
{
    Fixture f;
    GitId base = id_of("blob", S("0123456789")), made = id_of("blob", S("23456xyz"));
    size_t at;
    Err err;

    setup(&f);
    at = object(&f, GIT_BLOB, S("0123456789"));
    at = ofs_delta(&f, at, DELTA);
    ofs_delta(&f, at, S("\x08\x03\x91\x00\x03"));
    ref_delta(&f, &base, S("\x0a\x01\x01!"));
    seal(&f);
    CHECK_OK(read_pack(&f, &err));
    expect(&f, GIT_BLOB, "blob", S("23456xyz"));
    expect(&f, GIT_BLOB, "blob", S("234"));
    expect(&f, GIT_BLOB, "blob", S("!"));
    teardown(&f);

    /* bases that come later, one of them a delta itself */
    setup(&f);
    ref_delta(&f, &made, S("\x08\x03\x91\x00\x03"));
    ref_delta(&f, &base, DELTA);
    object(&f, GIT_BLOB, S("0123456789"));
    seal(&f);
    CHECK_OK(read_pack(&f, &err));
    expect(&f, GIT_BLOB, "blob", S("234"));
    teardown(&f);
}

/* N deltas, each of the one before, as they come in the pack: the bases first, or last. */
static double chain_seconds(unsigned n, bool bases_last)
{
    Fixture f;
    Err err;
    unsigned char delta[] = {4, 4, 4, 0, 0, 0, 0}, text[4] = {0};
    GitId *ids = NEW_N(GitId, n + 1);
    clock_t begun;

    setup(&f);
    ids[0] = id_of("blob", (Str){(char *)text, 4});
    for (unsigned i = 0; i <= n; i++) {
        unsigned at = bases_last ? n - i : i;

        text[0] = (unsigned char)(at >> 16), text[1] = (unsigned char)(at >> 8);
        text[2] = (unsigned char)at;
        ids[at] = id_of("blob", (Str){(char *)text, 4});
    }
    for (unsigned i = 0; i <= n; i++) {
        unsigned at = bases_last ? n - i : i;

        delta[3] = text[0] = (unsigned char)(at >> 16),
        delta[4] = text[1] = (unsigned char)(at >> 8);
        delta[5] = text[2] = (unsigned char)at;
        if (at == 0)
            (void)object(&f, GIT_BLOB, (Str){(char *)text, 4});
        else
            ref_delta(&f, &ids[at - 1], (Str){(char *)delta, sizeof(delta)});
    }
    seal(&f);
    begun = clock();
    CHECK_OK(read_pack(&f, &err));
    begun = clock() - begun;
    CHECK(git_objects_count(f.o) == n + 1 && git_objects_find(f.o, &ids[n]));
    teardown(&f);
    free(ids);
    return (double)begun / CLOCKS_PER_SEC;
}

/* What a server sends in an unusual order costs little more than in the usual one. */
TEST(bases_that_come_last)
{
    double usual = chain_seconds(30000, false), unusual = chain_seconds(30000, true);

    CHECK(unusual < 5 * usual + 0.5);
}

/* The same base twice in the pack, and two deltas of it before. */
TEST(deltas_of_one_base)
{
    Fixture f;
    Err err;
    GitId base = id_of("blob", S("0123456789"));

    setup(&f);
    ref_delta(&f, &base, S("\12\4\4abcd"));
    ref_delta(&f, &base, S("\12\2\2xy"));
    (void)object(&f, GIT_BLOB, S("0123456789"));
    (void)object(&f, GIT_BLOB, S("0123456789"));
    seal(&f);
    CHECK_OK(read_pack(&f, &err));
    CHECK(git_objects_count(f.o) == 4);
    expect(&f, GIT_BLOB, "blob", S("abcd"));
    expect(&f, GIT_BLOB, "blob", S("xy"));
    teardown(&f);
}

static void wrong_delta(Str delta, const char *part)
{
    Fixture f;
    Err err;

    setup(&f);
    ofs_delta(&f, object(&f, GIT_BLOB, S("0123456789")), delta);
    seal(&f);
    CHECK_ERR(read_pack(&f, &err), ERR_FORMAT, part);
    teardown(&f);
}

TEST(wrong_deltas)
{
    wrong_delta(S("\x0b\x08\x91\x02\x05"), "does not fit its base");
    wrong_delta(S("\x0a\x08\x91\x02\x05"), "ends in the middle");
    wrong_delta(S("\x0a\x08\x91\x08\x05\x03xyz"), "beyond its base");
    wrong_delta(S("\x0a\x04\x91\x02\x05"), "more than it says");
    wrong_delta(S("\x0a\x05\x91\x02\x05more"), "goes on after its end");
    wrong_delta((Str){"\x0a\x05\0", 3}, "unknown instruction");
    wrong_delta(S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "absurd size");
    wrong_delta(S(""), "ends in the middle");
    wrong_delta(S("\x0a\x05\x05xy"), "ends in the middle");
}

TEST(wrong_packs)
{
    Fixture f;
    GitId nobody = id_of("blob", S("nobody"));
    size_t whole;
    Err err;

    setup(&f);
    ref_delta(&f, &nobody, DELTA);
    seal(&f);
    CHECK_ERR(read_pack(&f, &err), ERR_FORMAT, "base is not there");
    teardown(&f);

    setup(&f);
    head(&f, GIT_BLOB, 4);
    deflated(&f, S("12345"));
    seal(&f);
    CHECK_ERR(read_pack(&f, &err), ERR_FORMAT, "longer than it says");
    teardown(&f);

    setup(&f);
    head(&f, GIT_BLOB, 6);
    deflated(&f, S("12345"));
    seal(&f);
    CHECK_ERR(read_pack(&f, &err), ERR_FORMAT, "shorter than it says");
    teardown(&f);

    setup(&f);
    head(&f, 5, 0);
    seal(&f);
    CHECK_ERR(read_pack(&f, &err), ERR_FORMAT, "unknown type 5");
    teardown(&f);

    setup(&f);
    object(&f, GIT_BLOB, S("hello"));
    ofs_delta(&f, 13, DELTA);
    seal(&f);
    CHECK_ERR(read_pack(&f, &err), ERR_FORMAT, "base is not there");
    teardown(&f);

    setup(&f);
    object(&f, GIT_BLOB, S("hello"));
    object(&f, GIT_TREE, S("world"));
    seal(&f);
    whole = f.pack.n;
    for (size_t n = 0; n < whole; n++) { /* cut anywhere */
        GitObjects *o = git_objects_new(&f.spool);
        MemReader in = mem_reader(str_head(buf_str(&f.pack), n));

        CHECK(git_pack_read(o, &in.r, &err) < 0);
        git_objects_free(o);
    }
    buf_add_char(&f.pack, 'x');
    CHECK_ERR(read_pack(&f, &err), ERR_FORMAT, "after the end");
    f.pack.n--;
    f.pack.p[f.pack.n - 1] ^= 1;
    CHECK_ERR(read_pack(&f, &err), ERR_FORMAT, "another checksum");
    f.pack.p[4] = 9;
    CHECK_ERR(read_pack(&f, &err), ERR_FORMAT, "did not send a pack");
    teardown(&f);
}

/* What is written is read again, the same in whatever order and as whatever deltas it came. */
TEST(a_pack_written_again)
{
    Fixture f, g, again;
    GitPackFiles one, two;
    Err err;
    FdRangeReader in;
    GitId empty = id_of("blob", S("")), hello = id_of("blob", S("hello\n"));
    cleanup_buf Buf large = BUF_INIT((size_t)1 << 20);

    for (unsigned i = 0; i < 100000; i++)
        buf_add_char(&large, (char)(i * i / 7));
    setup(&f);
    setup(&g);
    setup(&again);
    object(&f, GIT_BLOB, S("hello\n"));
    object(&f, GIT_BLOB, S(""));
    object(&f, GIT_BLOB, S("hello\n"));
    object(&f, GIT_BLOB, buf_str(&large));
    ref_delta(&g, &hello, (Str){"\6\0", 2});
    object(&g, GIT_BLOB, buf_str(&large));
    object(&g, GIT_BLOB, S("hello\n"));
    seal(&f);
    seal(&g);
    CHECK_OK(read_pack(&f, &err));
    CHECK_OK(read_pack(&g, &err));
    CHECK_OK(git_pack_write(f.o, &one, &err));
    CHECK_OK(git_pack_write(g.o, &two, &err));
    CHECK(strcmp(one.name.z, two.name.z) == 0 && one.pack.size == two.pack.size);
    CHECK(one.index.size == 8 + 256 * 4 + 3 * (GIT_ID_BYTES + 4 + 4) + 2 * GIT_ID_BYTES);

    in = fd_range_reader(f.spool.fd, one.pack.at, one.pack.size);
    CHECK_OK(git_pack_read(again.o, &in.r, &err));
    CHECK(git_objects_count(again.o) == 3 && git_objects_find(again.o, &empty));
    expect(&again, GIT_BLOB, "blob", S("hello\n"));
    expect(&again, GIT_BLOB, "blob", buf_str(&large));
    teardown(&f);
    teardown(&g);
    teardown(&again);
}

TEST(names)
{
    GitId id;

    CHECK(git_id_parse(S("0123456789abcdefABCDEF678901234567890123"), &id));
    CHECK_STR(str_from(git_id_format(&id).z), S("0123456789abcdefabcdef678901234567890123"));
    CHECK(!git_id_parse(S("0123456789abcdef"), &id));
    CHECK(!git_id_parse(S("g123456789abcdefABCDEF678901234567890123"), &id));
}

TEST_MAIN(T(whole_objects), T(deltas), T(bases_that_come_last), T(deltas_of_one_base),
          T(wrong_deltas), T(wrong_packs), T(a_pack_written_again), T(names))
