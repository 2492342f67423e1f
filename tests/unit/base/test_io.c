/* SPDX-License-Identifier: Apache-2.0 */
#include "base/io.h"
#include "test.h"

/* One byte at a time, then an error. */
typedef struct Drip {
    Reader r;
    size_t left;
    bool fails;
} Drip;

static ssize_t drip(Reader *self, void *buf, size_t n, Err *err)
{
    Drip *d = (Drip *)self;

    (void)n;
    if (d->left == 0)
        return d->fails ? err_set(err, ERR_NET, "cut") : 0;
    d->left--;
    *(char *)buf = 'x';
    return 1;
}

TEST(reads_whole_pieces)
{
    Drip d = {{drip}, 5, false};
    char got[4];
    size_t n;
    Err err;

    CHECK_OK(reader_read_full(&d.r, got, sizeof(got), &n, &err));
    CHECK(n == 4 && memcmp(got, "xxxx", 4) == 0);
    CHECK_OK(reader_read_full(&d.r, got, sizeof(got), &n, &err));
    CHECK(n == 1);
    CHECK_OK(reader_read_full(&d.r, got, sizeof(got), &n, &err));
    CHECK(n == 0);
    d = (Drip){{drip}, 2, true};
    CHECK_ERR(reader_read_full(&d.r, got, sizeof(got), &n, &err), ERR_NET, "cut");
}

TEST(reads_all_up_to_a_bound)
{
    cleanup_buf Buf b = BUF_INIT(5);
    Drip d = {{drip}, 5, false};
    Err err;

    CHECK_OK(reader_read_all(&d.r, &b, "it", &err));
    CHECK_STR(buf_str(&b), S("xxxxx"));
    buf_truncate(&b, 0);
    d = (Drip){{drip}, 6, false};
    CHECK_ERR(reader_read_all(&d.r, &b, "the body", &err), ERR_LIMIT, "the body is larger than 5");
}

TEST(copies)
{
    cleanup_buf Buf b = BUF_INIT(100);
    BufWriter w = buf_writer(&b);
    MemReader r = mem_reader(S("some text"));
    uint64_t n;
    Err err;

    CHECK_OK(io_copy(&r.r, &w.w, &n, &err));
    CHECK(n == 9);
    CHECK_STR(buf_str(&b), S("some text"));
    b.max = 10;
    r = mem_reader(S("more"));
    CHECK_ERR(io_copy(&r.r, &w.w, NULL, &err), ERR_LIMIT, "10 bytes");
}

TEST_MAIN(T(reads_whole_pieces), T(reads_all_up_to_a_bound), T(copies))
