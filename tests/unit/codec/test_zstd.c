/* SPDX-License-Identifier: Apache-2.0 */
/* The zstd Writer: what it writes can be read, and does not depend on workers or on the writes. */
#include "codec/zstd.h"
#include "codec_test.h"

static Buf write_frame(Str data, int level, unsigned workers, size_t piece)
{
    Buf out = BUF_INIT(TEST_MAX);
    BufWriter to = buf_writer(&out);
    cleanup_with(zstd_writer_free_at) ZstdWriter *z = NULL;
    Err err;

    CHECK_OK(zstd_writer_new(level, workers, &to.w, &z, &err));
    for (Str rest = data; rest.n > 0;) {
        size_t n = rest.n < piece ? rest.n : piece;

        CHECK_OK(writer_write(zstd_writer(z), rest.p, n, &err));
        CHECK_OK(writer_write(zstd_writer(z), rest.p, 0, &err));
        rest = str_skip(rest, n);
    }
    CHECK_OK(zstd_writer_finish(z, &err));
    return out;
}

static void check_reads(Str z, Str want)
{
    cleanup_buf Buf out = BUF_INIT(TEST_MAX);
    Err err;

    CHECK_OK(decode_pieces(COMPRESSION_ZSTD, z, 10000, 300000, &out, &err));
    CHECK_STR(buf_str(&out), want);
}

TEST(bytes_do_not_depend_on_workers)
{
    cleanup_buf Buf data = sample(((size_t)11 << 20) + 99, 31); /* several jobs */
    cleanup_buf Buf one = write_frame(buf_str(&data), 1, 1, SIZE_MAX);

    check_reads(buf_str(&one), buf_str(&data));
    for (unsigned workers = 0; workers <= 4; workers += 2) {
        cleanup_buf Buf z = write_frame(buf_str(&data), 1, workers, 65536);

        CHECK_STR(buf_str(&z), buf_str(&one));
    }
}

TEST(bytes_do_not_depend_on_the_writes)
{
    static const size_t sizes[] = {0, 1, 1000, 700000};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        cleanup_buf Buf data = sample(sizes[i], 32);
        cleanup_buf Buf whole = write_frame(buf_str(&data), 3, 1, SIZE_MAX);
        cleanup_buf Buf parts = write_frame(buf_str(&data), 3, 3, 997);

        CHECK_STR(buf_str(&parts), buf_str(&whole));
        check_reads(buf_str(&whole), buf_str(&data));
    }
}

TEST(takes_levels)
{
    static const int levels[] = {-100, -7, -1, 0, 1, 3, 9, 19}; /* beyond 19: gigabytes */
    cleanup_buf Buf data = sample(100000, 33);

    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        cleanup_buf Buf z = write_frame(buf_str(&data), levels[i], 1, 30000);

        check_reads(buf_str(&z), buf_str(&data));
    }
}

TEST(refuses_other_levels)
{
    Buf out = BUF_INIT(TEST_MAX);
    BufWriter to = buf_writer(&out);
    ZstdWriter *z = NULL;
    Err err;

    CHECK_ERR(zstd_writer_new(23, 1, &to.w, &z, &err), ERR_USAGE, "level 23");
    CHECK_ERR(zstd_writer_new(INT_MIN, 1, &to.w, &z, &err), ERR_USAGE, "level -2147483648");
    CHECK(z == NULL);
}

TEST(hands_on_the_writers_error)
{
    cleanup_buf Buf data = noise((size_t)9 << 20, 34);
    Buf out = BUF_INIT(1000);
    BufWriter to = buf_writer(&out);
    cleanup_with(zstd_writer_free_at) ZstdWriter *z = NULL;
    Err err;
    int r;

    CHECK_OK(zstd_writer_new(1, 2, &to.w, &z, &err));
    r = writer_write(zstd_writer(z), data.p, data.n, &err);
    if (r == 0)
        r = zstd_writer_finish(z, &err);
    CHECK(r == -1 && err.kind == ERR_LIMIT);
    buf_done(&out);
}

TEST(system_zstd_reads_it)
{
    cleanup_buf Buf data = sample((size_t)5 << 20, 35);
    cleanup_buf Buf z = write_frame(buf_str(&data), 3, 2, 100000);
    cleanup_buf Buf out = BUF_INIT(TEST_MAX);

    if (filter_through("zstd -dc", buf_str(&z), &out))
        CHECK_STR(buf_str(&out), buf_str(&data));
    else
        printf("skip: no zstd program\n");
}

TEST(frees_nothing)
{
    zstd_writer_free(NULL);
}

TEST_MAIN(T(bytes_do_not_depend_on_workers), T(bytes_do_not_depend_on_the_writes), T(takes_levels),
          T(refuses_other_levels), T(hands_on_the_writers_error), T(system_zstd_reads_it),
          T(frees_nothing))
