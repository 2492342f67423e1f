/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/codec/codec_test.h - data, awkward streams and compressors that the tests share.
 *
 * Everything that is made here is the same in every run: the "random" bytes come from a seed.
 */
#pragma once

#include <bzlib.h>
#include <fcntl.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "base/io.h"
#include "codec/decompress.h"
#include "codec/unconst.h"
#include "test.h"

#define TEST_MAX ((size_t)1 << 30) /* bytes: no test makes more */

static inline uint64_t test_random(uint64_t *seed) /* splitmix64 */
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* n bytes that are a bit of everything: words, runs, zeros, noise. Owned by caller. */
static inline Buf sample(size_t n, uint64_t seed)
{
    static const char *const words[] = {"layer ", "usr/share/", "\n", "0000644", "lib", "config"};
    Buf b = BUF_INIT(TEST_MAX);

    while (b.n < n) {
        uint64_t r = test_random(&seed);

        switch (r % 8) {
        case 0: buf_append(&b, &r, sizeof(r)); break;
        case 1:
            for (uint64_t i = r >> 8 & 255; i > 0; i--)
                buf_add_char(&b, (char)(r >> 16));
            break;
        default: buf_add_z(&b, words[(r >> 8) % ARRAY_LEN(words)]);
        }
    }
    buf_truncate(&b, n);
    return b;
}

static inline Buf noise(size_t n, uint64_t seed)
{
    Buf b = BUF_INIT(TEST_MAX);

    while (b.n < n) {
        uint64_t r = test_random(&seed);

        buf_append(&b, &r, sizeof(r));
    }
    buf_truncate(&b, n);
    return b;
}

/* At most 'piece' bytes a read. */
typedef struct PieceReader {
    Reader r;
    Str left;
    size_t piece;
    size_t taken; /* in all */
} PieceReader;

static inline ssize_t piece_read(Reader *self, void *buf, size_t n, Err *err)
{
    PieceReader *p = (PieceReader *)self;
    size_t k = n < p->piece ? n : p->piece;

    (void)err;
    CHECK(n > 0);
    if (k > p->left.n)
        k = p->left.n;
    if (k > 0)
        memcpy(buf, p->left.p, k);
    p->left = str_skip(p->left, k);
    p->taken += k;
    return (ssize_t)k;
}

static inline PieceReader piece_reader(Str data, size_t piece)
{
    return (PieceReader){.r = {piece_read}, .left = data, .piece = piece};
}

/* Some bytes, then an error. */
typedef struct FailingReader {
    Reader r;
    Str left;
} FailingReader;

static inline ssize_t failing_read(Reader *self, void *buf, size_t n, Err *err)
{
    FailingReader *f = (FailingReader *)self;
    size_t k = n < f->left.n ? n : f->left.n;

    if (k == 0)
        return err_set(err, ERR_NET, "the wire broke");
    memcpy(buf, f->left.p, k);
    f->left = str_skip(f->left, k);
    return (ssize_t)k;
}

static inline FailingReader failing_reader(Str data)
{
    return (FailingReader){.r = {failing_read}, .left = data};
}

/* Read d to its end, 'piece' bytes at a time. */
static inline int drain(Decoder *d, size_t piece, Buf *out, Err *err)
{
    cleanup_free char *block = NEW_N(char, piece);

    for (;;) {
        ssize_t k = reader_read(decoder_reader(d), block, piece, err);

        if (k < 0)
            return -1;
        if (k == 0)
            break;
        buf_append(out, block, (size_t)k);
    }
    /* the end stays the end */
    CHECK(reader_read(decoder_reader(d), block, piece, err) == 0);
    return 0;
}

static inline int decode_pieces(Compression c, Str in, size_t in_piece, size_t out_piece, Buf *out,
                                Err *err)
{
    PieceReader r = piece_reader(in, in_piece);
    cleanup_with(decoder_free_at) Decoder *d = NULL;

    TRY(decoder_new(c, &r.r, &d, err));
    return drain(d, out_piece, out, err);
}

/* n zero bytes more; the first of them */
static inline void *reserve(Buf *b, size_t n)
{
    size_t at = b->n;
    cleanup_free char *zeros = NEW_N(char, n);

    buf_append(b, zeros, n);
    CHECK(!b->full);
    return b->p + at;
}

/* b followed by itself */
static inline void double_up(Buf *b)
{
    size_t n = b->n;

    (void)reserve(b, n);
    memcpy(b->p + n, b->p, n);
}

/* ---- compressors: the libraries themselves ---- */

/* window_bits: 31 for gzip, -15 for raw deflate */
static inline Buf make_deflate(Str in, int level, int window_bits)
{
    Buf b = BUF_INIT(TEST_MAX);
    z_stream z = {0};

    CHECK(deflateInit2(&z, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    z.avail_out = (uInt)deflateBound(&z, in.n) + 64;
    z.next_out = reserve(&b, z.avail_out);
    z.next_in = unconst(in.p);
    z.avail_in = (uInt)in.n;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    buf_truncate(&b, z.total_out);
    (void)deflateEnd(&z);
    return b;
}

static inline Buf make_zstd(Str in, int level)
{
    Buf b = BUF_INIT(TEST_MAX);
    ZSTD_CCtx *z = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(in.n), n;
    void *to = reserve(&b, room);

    CHECK(z && !ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, level)));
    CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1)));
    n = ZSTD_compress2(z, to, room, in.p, in.n);
    CHECK(!ZSTD_isError(n));
    (void)ZSTD_freeCCtx(z);
    buf_truncate(&b, n);
    return b;
}

static inline Buf make_bzip2(Str in, int level)
{
    Buf b = BUF_INIT(TEST_MAX);
    unsigned n = (unsigned)(in.n + in.n / 50 + 700);
    char *to = reserve(&b, n);

    CHECK(BZ2_bzBuffToBuffCompress(to, &n, unconst(in.p), (unsigned)in.n, level, 0, 0) == BZ_OK);
    buf_truncate(&b, n);
    return b;
}

static inline Buf make_xz(Str in, uint32_t preset)
{
    Buf b = BUF_INIT(TEST_MAX);
    size_t room = lzma_stream_buffer_bound(in.n), n = 0;
    uint8_t *to = reserve(&b, room);

    CHECK(lzma_easy_buffer_encode(preset, LZMA_CHECK_CRC64, NULL, (const uint8_t *)in.p, in.n, to,
                                  &n, room) == LZMA_OK);
    buf_truncate(&b, n);
    return b;
}

static const Compression all_compressions[] = {COMPRESSION_GZIP, COMPRESSION_ZSTD,
                                               COMPRESSION_BZIP2, COMPRESSION_XZ};

static inline Buf make_compressed(Compression c, Str in)
{
    switch (c) {
    case COMPRESSION_GZIP: return make_deflate(in, 6, 31);
    case COMPRESSION_ZSTD: return make_zstd(in, 3);
    case COMPRESSION_BZIP2: return make_bzip2(in, 9);
    case COMPRESSION_XZ: return make_xz(in, 1);
    case COMPRESSION_NONE: break;
    }
    Buf b = BUF_INIT(TEST_MAX);
    buf_add(&b, in);
    return b;
}

/* ---- the system's programs ---- */

/*
 * Run 'in' through a shell command. Returns false when the shell says 127: there is no such
 * program. Any other failure ends the test.
 */
static inline bool filter_through(const char *command, Str in, Buf *out)
{
    char path[] = "/tmp/kiln-test-XXXXXX";
    cleanup_close int fd = mkstemp(path);
    cleanup_buf Buf line = BUF_INIT(BUF_SMALL);
    char block[65536];
    FILE *f;
    int status;

    CHECK(fd >= 0);
    for (Str rest = in; rest.n > 0;) {
        ssize_t k = write(fd, rest.p, rest.n);

        CHECK(k > 0);
        rest = str_skip(rest, (size_t)k);
    }
    buf_addf(&line, "%s <%s 2>/dev/null", command, path);
    f = popen(buf_z(&line), "r");
    CHECK(f);
    for (size_t k; (k = fread(block, 1, sizeof(block), f)) > 0;)
        buf_append(out, block, k);
    status = pclose(f);
    CHECK(unlink(path) == 0);
    CHECK(status == 0 || status == 127 << 8);
    return status == 0;
}
