/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes in, a blob out: both digests are those of the bytes, whatever the size, the codec and the number of threads; and a
 * store that can take no more stops the producer with its error.
 */
#include <signal.h>
#include <sys/resource.h>

#include "layer/twin.h"
#include "os/fd.h"
#include "os/temp.h"
#include "test.h"

typedef struct Fixture {
    Temp *dir;
    Store *store;
} Fixture;

static void setup(Fixture *f)
{
    cleanup_buf Buf path = BUF_INIT(BUF_SMALL);
    Err err;

    CHECK_OK(temp_dir("/tmp", "kiln-compress", &f->dir, &err));
    buf_addf(&path, "%s/store", temp_path(f->dir));
    CHECK_OK(store_open(buf_z(&path), &f->store, &err));
}

static void teardown(Fixture *f)
{
    store_free(f->store);
    temp_free(f->dir);
}

/* Half noise, half repetition, in pieces of odd sizes. */
static void make_bytes(Buf *to, size_t n)
{
    unsigned x = 12345;

    while (to->n < n) {
        char piece[1013];

        for (size_t i = 0; i < sizeof(piece); i++) {
            x = x * 1103515245 + 12345;
            piece[i] = (char)(to->n & 1 ? x >> 16 : x >> 31);
        }
        buf_append(to, piece, sizeof(piece) < n - to->n ? sizeof(piece) : n - to->n);
    }
}

static int feed(Compressor *c, Str bytes, size_t most, Err *err)
{
    while (bytes.n > 0) {
        size_t k = bytes.n < most ? bytes.n : most;

        TRY(writer_write(compressor_writer(c), bytes.p, k, err));
        bytes = str_skip(bytes, k);
    }
    return 0;
}

/* The blob as it is on disk, inflated. */
static void read_back(Store *s, const LayerBlob *b, Buf *raw, Buf *plain)
{
    cleanup_with(decoder_free_at) Decoder *d = NULL;
    cleanup_close int fd = -1;
    MemReader in;
    FdReader file;
    uint64_t size;
    Err err;

    CHECK_OK(store_open_blob(s, &b->desc.digest, &fd, &size, &err));
    CHECK(size == b->desc.size);
    file = fd_reader(fd);
    CHECK_OK(reader_read_all(&file.r, raw, "blob", &err));
    in = mem_reader(buf_str(raw));
    CHECK_OK(decoder_new_sniff(&in.r, &d, NULL, &err));
    CHECK_OK(reader_read_all(decoder_reader(d), plain, "archive", &err));
}

static void round_trip(const Fixture *f, const LayerCodec *codec, unsigned threads, size_t n,
                       size_t most)
{
    cleanup_with(pool_free_at) Pool *pool = pool_new(threads);
    cleanup_with(compressor_free_at) Compressor *c = NULL;
    cleanup_buf Buf bytes = BUF_INIT(1 << 28), raw = BUF_INIT(1 << 28), plain = BUF_INIT(1 << 28);
    LayerBlob b;
    Digest is, diff;
    Err err;

    make_bytes(&bytes, n);
    CHECK_OK(compressor_new(f->store, pool, codec, &c, &err));
    CHECK_OK(feed(c, buf_str(&bytes), most, &err));
    CHECK_OK(compressor_finish(c, &b, &err));
    read_back(f->store, &b, &raw, &plain);
    is = digest_of(buf_str(&raw));
    diff = digest_of(buf_str(&bytes));
    CHECK(digest_eq(&is, &b.desc.digest));
    CHECK(digest_eq(&diff, &b.diff_id));
    CHECK(b.unpacked_bytes == n && str_eq(buf_str(&plain), buf_str(&bytes)));
}

static const LayerCodec gzip = {.kind = COMPRESSION_GZIP, .gzip = GZIP_FAST, .level = 1};
static const LayerCodec zstd = {.kind = COMPRESSION_ZSTD, .level = 1};
static const LayerCodec none = {.kind = COMPRESSION_NONE};

TEST(digests_are_those_of_the_bytes)
{
    static const size_t sizes[] = {
        0, 1, GZIP_CHUNK - 1, GZIP_CHUNK, GZIP_CHUNK + 1, 7 * GZIP_CHUNK, 30 * GZIP_CHUNK + 12345};
    Fixture f;

    setup(&f);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (unsigned threads = 1; threads <= 5; threads += 2)
            round_trip(&f, &gzip, threads, sizes[i], 100000);
        round_trip(&f, &zstd, 2, sizes[i], 100000);
        round_trip(&f, &none, 2, sizes[i], 100000);
    }
    round_trip(&f, &gzip, 3, 3 * GZIP_CHUNK, 3 * GZIP_CHUNK); /* in one piece */
    teardown(&f);
}

static LayerBlob make_blob(const Fixture *f, Pool *pool, const LayerCodec *codec, Str bytes)
{
    cleanup_with(compressor_free_at) Compressor *c = NULL;
    LayerBlob b;
    Err err;

    CHECK_OK(compressor_new(f->store, pool, codec, &c, &err));
    CHECK_OK(feed(c, bytes, 100000, &err));
    CHECK_OK(compressor_finish(c, &b, &err));
    return b;
}

static void check_twin(const Fixture *f, const LayerBlob *b, Str bytes)
{
    cleanup_buf Buf raw = BUF_INIT(1 << 28), plain = BUF_INIT(1 << 28);
    Digest is;

    read_back(f->store, b, &raw, &plain);
    is = digest_of(buf_str(&raw));
    CHECK(digest_eq(&is, &b->desc.digest) && b->desc.size == raw.n);
    CHECK(str_eq(buf_str(&plain), bytes));
}

/* As often as one likes, and never the same. */
TEST(a_twin_unpacks_to_the_same)
{
    static const LayerCodec *const codecs[] = {&gzip, &zstd};
    cleanup_with(pool_free_at) Pool *pool = pool_new(2);
    cleanup_buf Buf bytes = BUF_INIT(1 << 28);
    Fixture f;
    Err err;

    setup(&f);
    make_bytes(&bytes, 3000000);
    for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
        LayerBlob b = make_blob(&f, pool, codecs[i], buf_str(&bytes)), one = b, two = b, again = b;

        CHECK(layer_twin(f.store, codecs[i]->kind, 1700000001, &one, &err) == 1);
        CHECK(layer_twin(f.store, codecs[i]->kind, 1700000002, &two, &err) == 1);
        CHECK(layer_twin(f.store, codecs[i]->kind, 1700000001, &again, &err) == 1);
        CHECK(!digest_eq(&one.desc.digest, &b.desc.digest));
        CHECK(!digest_eq(&one.desc.digest, &two.desc.digest));
        CHECK(digest_eq(&one.desc.digest, &again.desc.digest));
        CHECK(digest_eq(&one.diff_id, &b.diff_id));
        CHECK(layer_twin(f.store, codecs[i]->kind, 1700000003, &again, &err) == 1);
        check_twin(&f, &one, buf_str(&bytes));
        check_twin(&f, &again, buf_str(&bytes));
        CHECK(store_has(f.store, &b.desc.digest, NULL));
    }
    teardown(&f);
}

TEST(what_is_not_compressed_has_no_twin)
{
    cleanup_with(pool_free_at) Pool *pool = pool_new(2);
    LayerBlob b, same;
    Fixture f;
    Err err;

    setup(&f);
    same = b = make_blob(&f, pool, &none, S("archive"));
    CHECK(layer_twin(f.store, COMPRESSION_NONE, 1, &b, &err) == 0);
    CHECK(digest_eq(&same.desc.digest, &b.desc.digest));
    teardown(&f);
}

/* Files may grow to a fixed size only: that is how a full disk looks. */
static struct rlimit limit_files(rlim_t bytes)
{
    struct rlimit before, now;

    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    now = before;
    now.rlim_cur = bytes;
    CHECK(setrlimit(RLIMIT_FSIZE, &now) == 0);
    return before;
}

static void fill_disk(const Fixture *f, unsigned threads)
{
    cleanup_with(pool_free_at) Pool *pool = pool_new(threads);
    cleanup_with(compressor_free_at) Compressor *c = NULL;
    cleanup_buf Buf bytes = BUF_INIT(1 << 28);
    struct rlimit before;
    Err err;

    make_bytes(&bytes, 40 * GZIP_CHUNK);
    CHECK_OK(compressor_new(f->store, pool, &gzip, &c, &err));
    before = limit_files(1 << 20);
    CHECK_ERR(feed(c, buf_str(&bytes), 70000, &err), ERR_SYS, "File too large");
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
}

static void fill_disk_at_the_end(const Fixture *f)
{
    cleanup_with(pool_free_at) Pool *pool = pool_new(2);
    cleanup_with(compressor_free_at) Compressor *c = NULL;
    cleanup_buf Buf bytes = BUF_INIT(1 << 28);
    struct rlimit before;
    LayerBlob b;
    Err err;

    make_bytes(&bytes, GZIP_CHUNK / 2);
    CHECK_OK(compressor_new(f->store, pool, &gzip, &c, &err));
    before = limit_files(1000);
    CHECK_OK(feed(c, buf_str(&bytes), 70000, &err));
    CHECK_ERR(compressor_finish(c, &b, &err), ERR_SYS, "File too large");
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
}

TEST(a_full_disk_stops_the_producer)
{
    Fixture f;

    setup(&f);
    for (unsigned threads = 1; threads <= 5; threads += 2)
        fill_disk(&f, threads);
    fill_disk_at_the_end(&f);
    teardown(&f);
}

TEST(may_be_left_unfinished)
{
    cleanup_buf Buf bytes = BUF_INIT(1 << 28);
    Fixture f;

    setup(&f);
    make_bytes(&bytes, 20 * GZIP_CHUNK);
    for (unsigned threads = 1; threads <= 3; threads++) {
        cleanup_with(pool_free_at) Pool *pool = pool_new(threads);
        cleanup_with(compressor_free_at) Compressor *c = NULL;
        Err err;

        CHECK_OK(compressor_new(f.store, pool, &gzip, &c, &err));
        CHECK_OK(feed(c, buf_str(&bytes), 50000, &err));
    }
    teardown(&f);
}

TEST_MAIN(T(digests_are_those_of_the_bytes), T(a_full_disk_stops_the_producer),
          T(may_be_left_unfinished), T(a_twin_unpacks_to_the_same),
          T(what_is_not_compressed_has_no_twin))
