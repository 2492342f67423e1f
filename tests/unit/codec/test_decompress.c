/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What well-formed files of every format come to: from the libraries and the system's programs, in
 * pieces of any size, in one member or several. Damaged ones: test_hostile.c.
 */
#include "codec/decoder.h"
#include "codec/decompress.h"
#include "codec_test.h"

static void check_decodes(Compression c, Str in, size_t in_piece, size_t out_piece, Str want)
{
    cleanup_buf Buf out = BUF_INIT(TEST_MAX);
    Err err;

    CHECK_OK(decode_pieces(c, in, in_piece, out_piece, &out, &err));
    CHECK_STR(buf_str(&out), want);
}

TEST(knows_magic_numbers)
{
    static const struct {
        Str s;
        Compression want;
    } v[] = {
        {{"\x1f\x8b\x08", 3}, COMPRESSION_GZIP},
        {{"\x1f\x8b\x08xxxxxx", 9}, COMPRESSION_GZIP},
        {{"\x1f\x8b", 2}, COMPRESSION_NONE},
        {{"\x1f\x8b\x07", 3}, COMPRESSION_NONE},
        {{"\x28\xb5\x2f\xfd", 4}, COMPRESSION_ZSTD},
        {{"\x50\x2a\x4d\x18", 4}, COMPRESSION_ZSTD},
        {{"\x5f\x2a\x4d\x18", 4}, COMPRESSION_ZSTD},
        {{"\x60\x2a\x4d\x18", 4}, COMPRESSION_NONE},
        {{"\x27\xb5\x2f\xfd", 4}, COMPRESSION_NONE}, /* zstd 0.7 */
        {{"BZh91AY", 7}, COMPRESSION_BZIP2},
        {{"BZh1\x17r", 6}, COMPRESSION_BZIP2},
        {{"BZh9", 4}, COMPRESSION_NONE},
        {{"BZh9.txt", 8}, COMPRESSION_NONE}, /* a file name at the start of a tar archive */
        {{"\xfd"
          "7zXZ\0",
          6},
         COMPRESSION_XZ},
        {{"\xfd"
          "7zXZ",
          5},
         COMPRESSION_NONE},
        {{"", 0}, COMPRESSION_NONE},
        {{"plain text", 10}, COMPRESSION_NONE},
    };

    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        CHECK(compression_sniff(v[i].s.p, v[i].s.n) == v[i].want);
    CHECK_STR(str_from(compression_name(COMPRESSION_GZIP)), S("gzip"));
    CHECK_STR(str_from(compression_name(COMPRESSION_NONE)), S("plain"));
}

TEST(any_piece_in_any_piece_out)
{
    static const size_t pieces[] = {1, 7, 511, 65537, 262144, 1000000};
    cleanup_buf Buf data = sample(300000, 41);

    for (size_t i = 0; i < ARRAY_LEN(all_compressions); i++) {
        cleanup_buf Buf z = make_compressed(all_compressions[i], buf_str(&data));

        for (size_t in = 0; in < ARRAY_LEN(pieces); in++)
            for (size_t out = 0; out < ARRAY_LEN(pieces); out++)
                if (pieces[in] > 1 || pieces[out] > 1)
                    check_decodes(all_compressions[i], buf_str(&z), pieces[in], pieces[out],
                                  buf_str(&data));
    }
}

TEST(any_length)
{
    for (size_t i = 0; i < ARRAY_LEN(all_compressions); i++) {
        for (size_t n = 0; n < 300; n += n < 20 ? 1 : 31) {
            cleanup_buf Buf data = sample(n, n + 42);
            cleanup_buf Buf z = make_compressed(all_compressions[i], buf_str(&data));

            check_decodes(all_compressions[i], buf_str(&z), 1, 1, buf_str(&data));
            check_decodes(all_compressions[i], buf_str(&z), SIZE_MAX, 4096, buf_str(&data));
        }
    }
}

TEST(members_follow_one_another)
{
    cleanup_buf Buf data = sample(100000, 43);

    for (size_t i = 0; i < ARRAY_LEN(all_compressions); i++) {
        Compression c = all_compressions[i];
        cleanup_buf Buf file = BUF_INIT(TEST_MAX);
        Str rest = buf_str(&data);

        for (size_t n = 0; rest.n > 0; n = n * 3 + 1) { /* the first, and the last, are empty */
            size_t take = n < rest.n ? n : rest.n;
            cleanup_buf Buf z = make_compressed(c, str_head(rest, take));

            buf_add(&file, buf_str(&z));
            rest = str_skip(rest, take);
        }
        cleanup_buf Buf none = make_compressed(c, S(""));
        buf_add(&file, buf_str(&none));
        check_decodes(c, buf_str(&file), 1, 1000, buf_str(&data));
        check_decodes(c, buf_str(&file), 5, 1000, buf_str(&data));
        check_decodes(c, buf_str(&file), SIZE_MAX, 300000, buf_str(&data));
    }
}

/* Both engines, with members so short that they end inside what the engine has read ahead. */
TEST(short_gzip_members_by_each_engine)
{
    const Inflater *engines[] = {&inflate_zlib, inflate_fast()};
    cleanup_buf Buf file = BUF_INIT(TEST_MAX), want = BUF_INIT(TEST_MAX);

    for (size_t n = 0; n < 200; n++) {
        cleanup_buf Buf data = sample(n % 5, n);
        cleanup_buf Buf z = make_deflate(buf_str(&data), (int)(n % 10), 31);

        buf_add(&file, buf_str(&z));
        buf_add(&want, buf_str(&data));
    }
    for (size_t i = 0; i < ARRAY_LEN(engines); i++) {
        for (size_t piece = 1; piece < 40; piece++) {
            PieceReader in = piece_reader(buf_str(&file), piece);
            cleanup_with(decoder_free_at) Decoder *d = NULL;
            cleanup_buf Buf out = BUF_INIT(TEST_MAX);
            Err err;

            CHECK_OK(decoder_new_gzip(engines[i], &in.r, &d, &err));
            CHECK_OK(drain(d, 7, &out, &err));
            CHECK_STR(buf_str(&out), buf_str(&want));
        }
    }
}

TEST(zeros_may_follow)
{
    cleanup_buf Buf data = sample(5000, 44);

    for (size_t i = 0; i < ARRAY_LEN(all_compressions); i++) {
        cleanup_buf Buf z = make_compressed(all_compressions[i], buf_str(&data));

        for (size_t n = 4; n <= 70000; n = n * 130) {
            (void)reserve(&z, n);
            check_decodes(all_compressions[i], buf_str(&z), 3, 1000, buf_str(&data));
            check_decodes(all_compressions[i], buf_str(&z), SIZE_MAX, 1000, buf_str(&data));
        }
    }
}

TEST(gzip_headers_with_everything)
{
    cleanup_buf Buf data = sample(1000, 45), raw = make_deflate(buf_str(&data), 6, -15);
    uint32_t crc = (uint32_t)crc32(0, (const Bytef *)data.p, (uInt)data.n);
    unsigned char trailer[8];

    for (size_t k = 0; k < 8; k++)
        trailer[k] = (unsigned char)((k < 4 ? crc : (uint32_t)data.n) >> 8 * (k % 4));
    for (unsigned flags = 0; flags < 32; flags++) {
        cleanup_buf Buf z = BUF_INIT(TEST_MAX);

        buf_add(&z, S("\x1f\x8b\x08"));
        buf_add_char(&z, (char)flags);
        buf_add(&z, S("\1\2\3\4\2\3"));
        if (flags & 4) {
            buf_add(&z, S("\x2c\x01")); /* 300 */
            for (size_t k = 0; k < 300; k++)
                buf_add_char(&z, (char)k);
        }
        if (flags & 8)
            buf_add(&z, S("name.tar\0"));
        if (flags & 16)
            buf_add(&z, S("\0")); /* an empty comment */
        if (flags & 2) {
            uint32_t sum = (uint32_t)crc32(0, (const Bytef *)z.p, (uInt)z.n);

            buf_add_char(&z, (char)sum);
            buf_add_char(&z, (char)(sum >> 8));
        }
        buf_add(&z, buf_str(&raw));
        buf_append(&z, trailer, sizeof(trailer));
        check_decodes(COMPRESSION_GZIP, buf_str(&z), 1, 100, buf_str(&data));
        check_decodes(COMPRESSION_GZIP, buf_str(&z), SIZE_MAX, 100, buf_str(&data));
    }
}

TEST(zstd_skips_skippable_frames)
{
    cleanup_buf Buf data = sample(1000, 46), z = make_zstd(buf_str(&data), 3);
    cleanup_buf Buf file = BUF_INIT(TEST_MAX);

    buf_add(&file, S("\x50\x2a\x4d\x18\3\0\0\0abc"));
    buf_add(&file, buf_str(&z));
    buf_add(&file, S("\x5e\x2a\x4d\x18\0\0\0\0"));
    buf_add(&file, buf_str(&z));
    double_up(&data);
    check_decodes(COMPRESSION_ZSTD, buf_str(&file), 1, 100, buf_str(&data));
    check_decodes(COMPRESSION_ZSTD, buf_str(&file), SIZE_MAX, 100, buf_str(&data));
}

TEST(reads_what_programs_write)
{
    static const struct {
        Compression c;
        const char *command;
    } v[] = {
        {COMPRESSION_GZIP, "gzip -1"},
        {COMPRESSION_GZIP, "gzip -9"},
        {COMPRESSION_ZSTD, "zstd -q -1"},
        {COMPRESSION_ZSTD, "zstd -q -19"},
        {COMPRESSION_ZSTD, "zstd -q -T2 -B1M"},
        {COMPRESSION_ZSTD, "zstd -q --long=27"},
        {COMPRESSION_ZSTD, "zstd -q --no-check"},
        {COMPRESSION_BZIP2, "bzip2 -1"},
        {COMPRESSION_BZIP2, "bzip2 -9"},
        {COMPRESSION_XZ, "xz -0"},
        {COMPRESSION_XZ, "xz -6 -C sha256"},
        {COMPRESSION_XZ, "xz -T2 --block-size=500000"},
        {COMPRESSION_XZ, "xz --x86 --lzma2=dict=64MiB,mode=fast,mf=hc3"},
    };
    cleanup_buf Buf data = sample((size_t)1 << 20, 47);

    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        cleanup_buf Buf z = BUF_INIT(TEST_MAX);

        if (filter_through(v[i].command, buf_str(&data), &z))
            check_decodes(v[i].c, buf_str(&z), 5000, 100000, buf_str(&data));
        else
            printf("skip: no program for '%s'\n", v[i].command);
    }
}

TEST(finds_out_by_itself)
{
    cleanup_buf Buf data = sample(100000, 48);

    for (int c = COMPRESSION_NONE; c <= COMPRESSION_XZ; c++) {
        cleanup_buf Buf z = make_compressed((Compression)c, buf_str(&data));

        for (size_t piece = 1; piece < 70000; piece = piece * 9) {
            PieceReader in = piece_reader(buf_str(&z), piece);
            cleanup_with(decoder_free_at) Decoder *d = NULL;
            cleanup_buf Buf out = BUF_INIT(TEST_MAX);
            Compression was = COMPRESSION_XZ;
            Err err;

            CHECK_OK(decoder_new_sniff(&in.r, &d, &was, &err));
            CHECK(was == (Compression)c);
            CHECK_OK(drain(d, 10000, &out, &err));
            CHECK_STR(buf_str(&out), buf_str(&data));
        }
    }
}

TEST(short_plain_files_stay_as_they_are)
{
    for (size_t n = 0; n < 12; n++) {
        PieceReader in = piece_reader(str_head(S("0123456789ab"), n), 2);
        cleanup_with(decoder_free_at) Decoder *d = NULL;
        cleanup_buf Buf out = BUF_INIT(TEST_MAX);
        Err err;

        CHECK_OK(decoder_new_sniff(&in.r, &d, NULL, &err));
        CHECK_OK(drain(d, 5, &out, &err));
        CHECK_STR(buf_str(&out), str_head(S("0123456789ab"), n));
        check_decodes(COMPRESSION_NONE, str_head(S("0123456789ab"), n), 2, 5, buf_str(&out));
    }
}

/* A download is decoded as it arrives: no more is read than what is asked for needs. */
TEST(reads_no_further_than_needed)
{
    cleanup_buf Buf data = noise((size_t)4 << 20, 49);

    for (size_t i = 0; i < ARRAY_LEN(all_compressions); i++) {
        cleanup_buf Buf z = make_compressed(all_compressions[i], buf_str(&data));
        PieceReader in = piece_reader(buf_str(&z), 10000);
        cleanup_with(decoder_free_at) Decoder *d = NULL;
        char c;
        Err err;

        CHECK_OK(decoder_new(all_compressions[i], &in.r, &d, &err));
        CHECK(in.taken == 0);
        CHECK(reader_read(decoder_reader(d), &c, 1, &err) == 1 && c == data.p[0]);
        CHECK(in.taken < (size_t)1200000); /* bzip2 needs a block: 900 kB */
    }
}

TEST(hands_on_the_readers_error)
{
    cleanup_buf Buf data = sample(5000, 50);

    for (size_t i = 0; i < ARRAY_LEN(all_compressions); i++) {
        cleanup_buf Buf z = make_compressed(all_compressions[i], buf_str(&data));

        for (size_t n = 0; n <= z.n; n += 1 + z.n / 50) {
            FailingReader in = failing_reader(str_head(buf_str(&z), n));
            cleanup_with(decoder_free_at) Decoder *d = NULL;
            cleanup_buf Buf out = BUF_INIT(TEST_MAX);
            Err err;

            CHECK_OK(decoder_new(all_compressions[i], &in.r, &d, &err));
            CHECK_ERR(drain(d, 100, &out, &err), ERR_NET, "the wire broke");
        }
    }
}

TEST(sniffing_hands_on_the_readers_error)
{
    FailingReader in = failing_reader(S("ab"));
    Decoder *d = NULL;
    Err err;

    CHECK_ERR(decoder_new_sniff(&in.r, &d, NULL, &err), ERR_NET, "the wire broke");
    CHECK(d == NULL);
    decoder_free(NULL);
}

TEST_MAIN(T(knows_magic_numbers), T(any_piece_in_any_piece_out), T(any_length),
          T(members_follow_one_another), T(short_gzip_members_by_each_engine), T(zeros_may_follow),
          T(gzip_headers_with_everything), T(zstd_skips_skippable_frames),
          T(reads_what_programs_write), T(finds_out_by_itself),
          T(short_plain_files_stay_as_they_are), T(reads_no_further_than_needed),
          T(hands_on_the_readers_error), T(sniffing_hands_on_the_readers_error))
