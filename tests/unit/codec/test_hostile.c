/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damaged and malicious files: cut at every byte, changed at every bit, followed by something else,
 * wanting too much memory, or becoming a thousand times as large. Nothing but the original content
 * or an error may come out.
 */
#include "codec/decoder.h"
#include "codec/decompress.h"
#include "codec_test.h"

/* The gzip of either engine, and the other formats. */
static int open_case(size_t i, Reader *in, Decoder **ret, Err *err)
{
    if (i == ARRAY_LEN(all_compressions))
        return decoder_new_gzip(&inflate_zlib, in, ret, err);
    return decoder_new(all_compressions[i], in, ret, err);
}

#define CASES (ARRAY_LEN(all_compressions) + 1)

static Compression case_compression(size_t i)
{
    return i == ARRAY_LEN(all_compressions) ? COMPRESSION_GZIP : all_compressions[i];
}

static int decode_case(size_t i, Str in, size_t piece, Buf *out, Err *err)
{
    PieceReader r = piece_reader(in, piece);
    cleanup_with(decoder_free_at) Decoder *d = NULL;

    TRY(open_case(i, &r.r, &d, err));
    return drain(d, 1000, out, err);
}

TEST(cut_at_every_byte)
{
    cleanup_buf Buf data = sample(700, 51);

    for (size_t i = 0; i < CASES; i++) {
        cleanup_buf Buf z = make_compressed(case_compression(i), buf_str(&data));

        for (size_t n = 0; n < z.n; n++) {
            for (size_t piece = 1; piece <= 1001; piece += 500) {
                cleanup_buf Buf out = BUF_INIT(TEST_MAX);
                Err err;

                CHECK_ERR(decode_case(i, str_head(buf_str(&z), n), piece, &out, &err), ERR_FORMAT,
                          ": truncated");
                CHECK(
                    str_starts(str_from(err.msg), str_from(compression_name(case_compression(i)))));
                CHECK(out.n <= data.n && (out.n == 0 || memcmp(out.p, data.p, out.n) == 0));
            }
        }
    }
}

TEST(cut_in_the_second_member)
{
    cleanup_buf Buf data = sample(300, 52);

    for (size_t i = 0; i < CASES; i++) {
        cleanup_buf Buf z = make_compressed(case_compression(i), buf_str(&data));
        size_t first = z.n;

        double_up(&z);
        for (size_t n = first + 1; n < z.n; n++) {
            cleanup_buf Buf out = BUF_INIT(TEST_MAX);
            Err err;

            CHECK_ERR(decode_case(i, str_head(buf_str(&z), n), 100, &out, &err), ERR_FORMAT,
                      ": truncated");
        }
    }
}

TEST(changed_at_every_bit)
{
    cleanup_buf Buf data = sample(300, 53);

    for (size_t i = 0; i < CASES; i++) {
        cleanup_buf Buf z = make_compressed(case_compression(i), buf_str(&data));
        size_t refused = 0;

        for (size_t bit = 0; bit < z.n * 8; bit++) {
            cleanup_buf Buf out = BUF_INIT(TEST_MAX);
            Err err = {0};

            z.p[bit / 8] ^= (char)(1 << bit % 8);
            if (decode_case(i, buf_str(&z), SIZE_MAX, &out, &err) < 0) {
                CHECK(err.kind == ERR_FORMAT || err.kind == ERR_LIMIT ||
                      err.kind == ERR_UNSUPPORTED);
                refused++;
            } else { /* a time stamp, say */
                CHECK_STR(buf_str(&out), buf_str(&data));
            }
            z.p[bit / 8] ^= (char)(1 << bit % 8);
        }
        CHECK(refused > z.n * 7);
    }
}

TEST(something_else_behind_the_end)
{
    static const Str tails[] = {{"x", 1}, {"foreign data behind", 19}, {"\0\0\0\0x", 5}};
    cleanup_buf Buf data = sample(300, 54);

    for (size_t i = 0; i < CASES; i++) {
        for (size_t k = 0; k < ARRAY_LEN(tails); k++) {
            cleanup_buf Buf z = make_compressed(case_compression(i), buf_str(&data));
            cleanup_buf Buf out = BUF_INIT(TEST_MAX), again = BUF_INIT(TEST_MAX);
            Err err;

            buf_add(&z, tails[k]);
            CHECK_ERR(decode_case(i, buf_str(&z), 1, &out, &err), ERR_FORMAT, ":");
            CHECK_ERR(decode_case(i, buf_str(&z), SIZE_MAX, &again, &err), ERR_FORMAT, ":");
        }
    }
}

TEST(another_format)
{
    cleanup_buf Buf out = BUF_INIT(TEST_MAX);
    Err err;

    for (size_t i = 0; i < CASES; i++)
        CHECK_ERR(decode_case(i, S("certainly not compressed"), 5, &out, &err), ERR_FORMAT,
                  "not of this format");
    CHECK(out.n == 0);
}

static void check_gzip_refused(Str header, ErrKind kind, const char *part)
{
    cleanup_buf Buf data = sample(100, 55), z = make_deflate(buf_str(&data), 6, 31);
    cleanup_buf Buf file = BUF_INIT(TEST_MAX), out = BUF_INIT(TEST_MAX);
    Err err;

    buf_add(&file, header);
    buf_add(&file, str_skip(buf_str(&z), 10));
    CHECK_ERR(decode_case(0, buf_str(&file), SIZE_MAX, &out, &err), kind, part);
}

TEST(bad_gzip_headers)
{
    cleanup_buf Buf endless = BUF_INIT(TEST_MAX);

    check_gzip_refused(S("\x1f\x8b\x08\x20\0\0\0\0\0\3"), ERR_FORMAT, "unknown header flags 0x20");
    check_gzip_refused(S("\x1f\x8b\x08\x80\0\0\0\0\0\3"), ERR_FORMAT, "unknown header flags 0x80");
    check_gzip_refused(S("\x1f\x8b\x08\2\0\0\0\0\0\3\0\0"), ERR_FORMAT, "bad header checksum");
    check_gzip_refused(S("\x1f\x8b\x08\4\0\0\0\0\0\3\xff\xff"), ERR_FORMAT, "truncated");
    buf_add(&endless, S("\x1f\x8b\x08\x10\0\0\0\0\0\3"));
    for (size_t i = 0; i < 100000; i++)
        buf_add_char(&endless, 'c');
    check_gzip_refused(buf_str(&endless), ERR_LIMIT, "longer than 65536 bytes");
}

TEST(bad_gzip_trailers)
{
    cleanup_buf Buf data = sample(100, 56), z = make_deflate(buf_str(&data), 6, 31);
    cleanup_buf Buf out = BUF_INIT(TEST_MAX);
    Err err;

    z.p[z.n - 8] ^= 1;
    CHECK_ERR(decode_case(0, buf_str(&z), 10, &out, &err), ERR_FORMAT, "gzip: bad checksum");
    z.p[z.n - 8] ^= 1;
    z.p[z.n - 1] ^= 1;
    CHECK_ERR(decode_case(0, buf_str(&z), 10, &out, &err), ERR_FORMAT, "gzip: bad length");
}

/* A frame of nothing but a window size and an empty last block. */
static int zstd_with_window(unsigned log, Err *err)
{
    char z[] = "\x28\xb5\x2f\xfd\0w\1\0\0";
    cleanup_buf Buf out = BUF_INIT(TEST_MAX);

    z[5] = (char)((log - 10) << 3);
    return decode_pieces(COMPRESSION_ZSTD, (Str){z, sizeof(z) - 1}, 100, 100, &out, err);
}

TEST(zstd_windows)
{
    Err err;

    for (unsigned log = 10; log <= DECODER_ZSTD_WINDOW_LOG; log++)
        CHECK_OK(zstd_with_window(log, &err));
    for (unsigned log = DECODER_ZSTD_WINDOW_LOG + 1; log <= 41; log++)
        CHECK_ERR(zstd_with_window(log, &err), ERR_LIMIT, "more than 128 MiB");
}

TEST(zstd_before_one)
{
    /* the magic of 0.7 behind a frame of today: some builds of the library would go on with it */
    cleanup_buf Buf data = sample(100, 57), z = make_zstd(buf_str(&data), 3);
    cleanup_buf Buf out = BUF_INIT(TEST_MAX);
    Err err;

    buf_add(&z, S("\x27\xb5\x2f\xfd\0\0\0\0\0\0\0"));
    CHECK_ERR(decode_case(1, buf_str(&z), SIZE_MAX, &out, &err), ERR_FORMAT, "foreign data");
}

TEST(zstd_with_a_dictionary)
{
    cleanup_buf Buf out = BUF_INIT(TEST_MAX);
    Err err;

    CHECK_ERR(decode_pieces(COMPRESSION_ZSTD, S("\x28\xb5\x2f\xfd\x01\x50\x07\1\0\0"), 100, 100,
                            &out, &err),
              ERR_UNSUPPORTED, "dictionary");
}

/* An .xz file whose block header, checksum and all, says: dictionary of size 'code'. */
static int xz_with_dictionary(uint8_t code, Err *err)
{
    cleanup_buf Buf z = make_xz(S("hello"), 0), out = BUF_INIT(TEST_MAX);
    uint8_t *header = (uint8_t *)z.p + 12; /* size, flags, two sizes, 0x21, 1, code, padding, crc */
    size_t n = ((size_t)header[0] + 1) * 4 - 4;
    uint32_t crc;

    CHECK(header[1] == 0xc0 && header[4] == 0x21 && header[5] == 1);
    header[6] = code;
    crc = lzma_crc32(header, n, 0);
    for (size_t i = 0; i < 4; i++)
        header[n + i] = (uint8_t)(crc >> 8 * i);
    TRY(decode_pieces(COMPRESSION_XZ, buf_str(&z), 7, 100, &out, err));
    CHECK_STR(buf_str(&out), S("hello"));
    return 0;
}

TEST(xz_dictionaries)
{
    Err err;

    for (uint8_t code = 0; code <= 28; code++) /* 4 KiB, 6, 8, 12, ... 64 MiB */
        CHECK_OK(xz_with_dictionary(code, &err));
    for (uint8_t code = 29; code <= 40; code++)
        CHECK_ERR(xz_with_dictionary(code, &err), ERR_LIMIT, "more than 64 MiB");
    CHECK_ERR(xz_with_dictionary(41, &err), ERR_UNSUPPORTED, "liblzma");
}

/* ---- bombs ---- */

static size_t resident_pages(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long size, resident;

    CHECK(f && fscanf(f, "%lu %lu", &size, &resident) == 2);
    (void)fclose(f);
    return resident;
}

TEST(bombs_take_no_memory)
{
    const size_t n_zeros = (size_t)128 << 20;
    cleanup_buf Buf zeros = BUF_INIT(TEST_MAX);
    const size_t n_block = 65536;
    cleanup_free char *block = NEW_N(char, n_block);

    (void)reserve(&zeros, n_zeros);
    for (size_t i = 0; i < CASES; i++) {
        cleanup_buf Buf z = make_compressed(case_compression(i), buf_str(&zeros));
        PieceReader in = piece_reader(buf_str(&z), SIZE_MAX);
        cleanup_with(decoder_free_at) Decoder *d = NULL;
        size_t before = resident_pages(), total = 0;
        ssize_t k;
        Err err;

        CHECK(z.n < n_zeros / 500);
        CHECK_OK(open_case(i, &in.r, &d, &err));
        while ((k = reader_read(decoder_reader(d), block, n_block, &err)) > 0)
            total += (size_t)k;
        CHECK_OK((int)k);
        CHECK(total == n_zeros);
        CHECK((resident_pages() - before) * (size_t)sysconf(_SC_PAGESIZE) < (size_t)24 << 20 ||
              resident_pages() < before);
    }
}

TEST_MAIN(T(cut_at_every_byte), T(cut_in_the_second_member), T(changed_at_every_bit),
          T(something_else_behind_the_end), T(another_format), T(bad_gzip_headers),
          T(bad_gzip_trailers), T(zstd_windows), T(zstd_before_one), T(zstd_with_a_dictionary),
          T(xz_dictionaries), T(bombs_take_no_memory))
