/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks put together are one gzip member that everybody reads; and each chunk comes out the same
 * whoever compresses it, in whatever order, after whatever else.
 */
#include "codec/gzip.h"
#include "codec_test.h"

typedef struct Setup {
    GzipCodec codec;
    int level;
} Setup;

static const Setup setups[] = {{GZIP_FAST, 1},
                               {GZIP_PORTABLE, 1},
                               {GZIP_PORTABLE, 6},
                               {GZIP_PORTABLE, 9}};

typedef struct Chunk {
    unsigned char *p;
    size_t n, n_in;
    uint32_t crc;
} Chunk;

static Chunk compress_chunk(GzipChunker *c, Str data, size_t at, size_t n, bool last)
{
    size_t n_dict = at < GZIP_WINDOW ? at : GZIP_WINDOW;
    GzipChunk chunk = {{data.p + at - n_dict, n_dict}, {data.p + at, n}, last};
    Chunk got = {.n_in = n};
    Err err;

    got.p = NEW_N(unsigned char, gzip_chunk_bound(n));
    CHECK_OK(gzip_chunk(c, &chunk, got.p, &got.n, &got.crc, &err));
    CHECK(got.n > 0 && got.n <= gzip_chunk_bound(n));
    CHECK(got.crc == crc32(0, (const Bytef *)data.p + at, (uInt)n));
    if (!last) /* the mark of a sync flush */
        CHECK(got.n >= 4 && memcmp(got.p + got.n - 4, "\0\0\xff\xff", 4) == 0);
    return got;
}

/* Compress with 'workers' chunkers taking turns, chunks handed out backwards if asked for. */
static Buf make_member(const Setup *s, Str data, size_t n_chunk, size_t workers, bool backwards)
{
    size_t count = data.n ? (data.n + n_chunk - 1) / n_chunk : 1;
    cleanup_free Chunk *chunks = NEW_N(Chunk, count);
    GzipChunker *c[4];
    Buf out = BUF_INIT(TEST_MAX);
    uint32_t crc = 0;

    for (size_t i = 0; i < workers; i++)
        c[i] = gzip_chunker_new(s->codec, s->level);
    for (size_t k = 0; k < count; k++) {
        size_t i = backwards ? count - 1 - k : k, at = i * n_chunk;
        size_t n = data.n - at < n_chunk ? data.n - at : n_chunk;

        chunks[i] = compress_chunk(c[k % workers], data, at, n, i == count - 1);
    }
    gzip_header(reserve(&out, GZIP_HEADER));
    for (size_t i = 0; i < count; i++) {
        buf_append(&out, chunks[i].p, chunks[i].n);
        crc = gzip_crc_combine(crc, chunks[i].crc, chunks[i].n_in);
        free(chunks[i].p);
    }
    gzip_trailer(crc, data.n, reserve(&out, GZIP_TRAILER));
    for (size_t i = 0; i < workers; i++)
        gzip_chunker_free(c[i]);
    return out;
}

/* zlib's own gzip reader, which knows nothing of this program. */
static void check_zlib_reads(Str z, Str want)
{
    cleanup_free unsigned char *out = NEW_N(unsigned char, want.n + 1);
    z_stream s = {.next_in = unconst(z.p), .avail_in = (uInt)z.n};

    CHECK(inflateInit2(&s, 31) == Z_OK);
    s.next_out = out;
    s.avail_out = (uInt)want.n + 1;
    CHECK(inflate(&s, Z_FINISH) == Z_STREAM_END);
    CHECK(s.avail_in == 0);
    CHECK_STR(((Str){(char *)out, s.total_out}), want);
    (void)inflateEnd(&s);
}

static void check_we_read(Str z, Str want)
{
    cleanup_buf Buf out = BUF_INIT(TEST_MAX);
    Err err;

    CHECK_OK(decode_pieces(COMPRESSION_GZIP, z, 1000, 300000, &out, &err));
    CHECK_STR(buf_str(&out), want);
}

static void check_data(Str data, size_t n_chunk)
{
    for (size_t i = 0; i < ARRAY_LEN(setups); i++) {
        cleanup_buf Buf one = make_member(&setups[i], data, n_chunk, 1, false);
        cleanup_buf Buf three = make_member(&setups[i], data, n_chunk, 3, true);
        cleanup_buf Buf again = make_member(&setups[i], data, n_chunk, 2, false);

        CHECK_STR(buf_str(&three), buf_str(&one));
        CHECK_STR(buf_str(&again), buf_str(&one));
        check_zlib_reads(buf_str(&one), data);
        check_we_read(buf_str(&one), data);
    }
}

TEST(full_chunks)
{
    cleanup_buf Buf data = sample(GZIP_CHUNK * 3 + 12345, 21);

    check_data(buf_str(&data), GZIP_CHUNK);
    check_data(str_head(buf_str(&data), GZIP_CHUNK * 2), GZIP_CHUNK);
}

TEST(small_chunks)
{
    cleanup_buf Buf data = sample(5000, 22);
    static const size_t sizes[] = {1, 2, 255, 4096, 5000};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        check_data(str_head(buf_str(&data), sizes[i] < 10 ? 60 : 5000), sizes[i]);
}

TEST(nothing_at_all)
{
    check_data(S(""), GZIP_CHUNK);
}

TEST(incompressible_and_empty_of_content)
{
    cleanup_buf Buf random = noise(GZIP_CHUNK + 100, 23), zeros = BUF_INIT(TEST_MAX);

    check_data(buf_str(&random), GZIP_CHUNK);
    (void)reserve(&zeros, GZIP_CHUNK * 2);
    check_data(buf_str(&zeros), GZIP_CHUNK);
}

/* Alternating regimes make a compressor change its tables at every block. */
TEST(changing_content)
{
    cleanup_buf Buf data = BUF_INIT(TEST_MAX);

    for (size_t i = 0; i < 60; i++) {
        cleanup_buf Buf part = i % 2 ? noise(9000, i) : sample(14000, i);

        buf_add(&data, buf_str(&part));
    }
    check_data(buf_str(&data), GZIP_CHUNK);
    check_data(buf_str(&data), 65536);
}

TEST(the_dictionary_helps)
{
    const size_t half = GZIP_WINDOW / 2;
    cleanup_buf Buf data = noise(half, 24);
    cleanup_buf Buf twice = BUF_INIT(TEST_MAX);

    buf_add(&twice, buf_str(&data));
    buf_add(&twice, buf_str(&data));
    for (size_t i = 0; i < ARRAY_LEN(setups); i++) {
        cleanup_with(gzip_chunker_free_at) GzipChunker *c =
            gzip_chunker_new(setups[i].codec, setups[i].level);
        Chunk primed = compress_chunk(c, buf_str(&twice), half, half, true);
        Chunk fresh = compress_chunk(c, buf_str(&twice), 0, half, true);

        CHECK(primed.n < fresh.n / 4);
        free(primed.p);
        free(fresh.p);
    }
}

/* An earlier stream, of any kind, leaves nothing behind that the next one could show. */
TEST(no_memory_of_the_past)
{
    cleanup_buf Buf data = sample(200000, 25), other = sample(GZIP_CHUNK, 26);

    for (size_t i = 0; i < ARRAY_LEN(setups); i++) {
        cleanup_with(gzip_chunker_free_at) GzipChunker *used =
            gzip_chunker_new(setups[i].codec, setups[i].level);
        cleanup_with(gzip_chunker_free_at) GzipChunker *fresh =
            gzip_chunker_new(setups[i].codec, setups[i].level);
        Chunk want = compress_chunk(fresh, buf_str(&data), 0, data.n, false);

        for (size_t n = 1; n < other.n; n = n * 6 + 1) {
            Chunk past = compress_chunk(used, buf_str(&other), 0, n, n % 2);
            Chunk got = compress_chunk(used, buf_str(&data), 0, data.n, false);

            CHECK(got.n == want.n && memcmp(got.p, want.p, got.n) == 0);
            free(past.p);
            free(got.p);
        }
        free(want.p);
    }
}

/*
 * Nor does where a chunker lies in memory. ISA-L takes the hash of a stream's third byte from an
 * address: what follows there is found again or not, when its own hash is that one by chance. So
 * everything between two of them is the same but those bytes, in as many ways as it takes.
 */
TEST(no_trace_of_addresses)
{
    static const char text[] = "ab____the same is found again: ____and then there is more. ";
    cleanup_with(gzip_chunker_free_at) GzipChunker *a = gzip_chunker_new(GZIP_FAST, 1);
    cleanup_with(gzip_chunker_free_at) GzipChunker *b = gzip_chunker_new(GZIP_FAST, 1);
    char data[1000];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = text[i % (sizeof(text) - 1)];
    for (uint32_t v = 0; v < 20000; v++) {
        uint32_t odd = v * 2654435761U;
        Chunk got_a, got_b;

        memcpy(data + 2, &odd, sizeof(odd));
        memcpy(data + 31, &odd, sizeof(odd));
        got_a = compress_chunk(a, (Str){data, sizeof(data)}, 0, sizeof(data), true);
        got_b = compress_chunk(b, (Str){data, sizeof(data)}, 0, sizeof(data), true);
        CHECK(got_a.n == got_b.n && memcmp(got_a.p, got_b.p, got_a.n) == 0);
        free(got_a.p);
        free(got_b.p);
    }
}

/* Bytes that went into a registry once must come out again: a change here is a change of every
   digest, to be made knowingly. */
TEST(the_portable_bytes_are_what_they_were)
{
    /* as Python's zlib module makes them: 21 bytes, then 5 with those as the dictionary */
    static const char want[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
                               "\xca\x48\xcd\xc9\xc9\xd7\x51\xc8\x40\xa1\x00\x00\x00\x00\xff\xff"
                               "\x2b\xcf\x2f\xca\x49\x01\x00"
                               "\x90\x14\xe5\x7b\x1a\x00\x00\x00";
    Setup s = {GZIP_PORTABLE, 6};
    cleanup_buf Buf z = make_member(&s, S("hello, hello, hello, world"), 21, 1, false);

    CHECK_STR(buf_str(&z), ((Str){want, sizeof(want) - 1}));
}

TEST(system_gzip_reads_it)
{
    cleanup_buf Buf data = sample(GZIP_CHUNK * 2 + 7, 27);

    for (size_t i = 0; i < 2; i++) {
        cleanup_buf Buf z = make_member(&setups[i], buf_str(&data), GZIP_CHUNK, 2, false);
        cleanup_buf Buf out = BUF_INIT(TEST_MAX);

        if (!filter_through("gzip -dc", buf_str(&z), &out)) {
            printf("skip: no gzip program\n");
            return;
        }
        CHECK_STR(buf_str(&out), buf_str(&data));
    }
}

TEST(header_and_trailer)
{
    unsigned char header[GZIP_HEADER], trailer[GZIP_TRAILER];

    gzip_header(header);
    CHECK(memcmp(header, "\x1f\x8b\x08\0\0\0\0\0\0\xff", GZIP_HEADER) == 0);
    gzip_trailer(0x04030201, ((uint64_t)5 << 32) + 0x08070605, trailer);
    CHECK(memcmp(trailer, "\1\2\3\4\5\6\7\10", GZIP_TRAILER) == 0);
}

TEST(crcs_combine)
{
    cleanup_buf Buf data = noise(1000, 28);
    uint32_t whole = (uint32_t)crc32(0, (const Bytef *)data.p, 1000);

    for (size_t n = 0; n <= 1000; n += 37) {
        uint32_t a = (uint32_t)crc32(0, (const Bytef *)data.p, (uInt)n);
        uint32_t b = (uint32_t)crc32(0, (const Bytef *)data.p + n, (uInt)(1000 - n));

        CHECK(gzip_crc_combine(a, b, 1000 - n) == whole);
    }
}

TEST_MAIN(T(full_chunks), T(small_chunks), T(nothing_at_all),
          T(incompressible_and_empty_of_content), T(changing_content), T(the_dictionary_helps),
          T(no_memory_of_the_past), T(no_trace_of_addresses),
          T(the_portable_bytes_are_what_they_were), T(system_gzip_reads_it), T(header_and_trailer),
          T(crcs_combine))
