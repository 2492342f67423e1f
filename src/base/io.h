/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/io.h - Reader and Writer: the two interfaces every stream of kiln is built from.
 *
 * A concrete stream embeds one as its first member and is driven through it; stages are joined by
 * handing one stage's Reader to the next (file -> decompressor -> tar reader), or by wrapping a
 * Writer in another (tar writer -> hasher -> compressor -> file).
 *
 * Ownership  a wrapper borrows the stream it wraps unless its own header says otherwise.
 * Errors     whatever the underlying stream reports; after an error a stream must not be used
 *            again.
 * Threads    one stream, one thread at a time.
 */
#pragma once

#include "base/buf.h"

typedef struct Reader Reader;
struct Reader {
    /* Up to n (> 0) bytes into buf. Returns the count, 0 at the end, -1 with *err. */
    ssize_t (*read)(Reader *self, void *buf, size_t n, Err *err);
};

typedef struct Writer Writer;
struct Writer {
    /* All n bytes or an error. n may be 0. */
    int (*write)(Writer *self, const void *buf, size_t n, Err *err);
};

static inline ssize_t reader_read(Reader *r, void *buf, size_t n, Err *err)
{
    return r->read(r, buf, n, err);
}

static inline int writer_write(Writer *w, const void *buf, size_t n, Err *err)
{
    return w->write(w, buf, n, err);
}

/* Read until n bytes are there or the stream ends; *ret is what was read. */
int reader_read_full(Reader *r, void *buf, size_t n, size_t *ret, Err *err) must_check;

/* Append everything that is left to 'to'; ERR_LIMIT (named by 'what') beyond to->max. */
int reader_read_all(Reader *r, Buf *to, const char *what, Err *err) must_check;

/* Pump r into w until r ends. ret_n may be NULL. */
int io_copy(Reader *r, Writer *w, uint64_t *ret_n, Err *err) must_check;

/*
 * A transfer called 'what' has brought 'done' bytes of 'total' (0 = nobody knows); done == total
 * ends it. Called from any thread, often.
 */
typedef void (*TransferFn)(Str what, uint64_t done, uint64_t total);

/* Bytes in memory as a Reader; 'data' is borrowed. */
typedef struct MemReader {
    Reader r;
    Str data; /* what is left */
} MemReader;

MemReader mem_reader(Str data);

/* A Writer that appends to a borrowed Buf; ERR_LIMIT when the Buf is full. */
typedef struct BufWriter {
    Writer w;
    Buf *to;
} BufWriter;

BufWriter buf_writer(Buf *to);
