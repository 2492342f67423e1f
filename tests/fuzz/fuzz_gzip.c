/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All decoders: the first byte chooses (gzip by both engines, which must agree; zstd; bzip2; xz; by
 * magic number), the second how large the pieces are that the input arrives in, the rest is the file.
 */
#include <stdio.h>

#include "codec/decoder.h"
#include "codec/sha256.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    OUTPUT_MAX = 4 << 20, /* bytes; a bomb is not worth more */
};

typedef struct Pieces {
    Reader r;
    Str left;
    size_t piece;
} Pieces;

static ssize_t pieces_read(Reader *self, void *buf, size_t n, Err *err)
{
    Pieces *p = (Pieces *)self;
    size_t k = n < p->piece ? n : p->piece;

    (void)err;
    if (k > p->left.n)
        k = p->left.n;
    if (k > 0)
        memcpy(buf, p->left.p, k);
    p->left = str_skip(p->left, k);
    return (ssize_t)k;
}

/* What a file came to. */
typedef struct Outcome {
    bool good;
    unsigned char sum[SHA256_BYTES];
} Outcome;

static Outcome drain(Decoder *d, size_t piece)
{
    cleanup_with(sha256_free_at) Sha256 *h = sha256_new();
    cleanup_free char *block = NEW_N(char, piece);
    Outcome o = {.good = false};
    Err err;

    for (size_t total = 0; total < OUTPUT_MAX;) {
        ssize_t k = reader_read(decoder_reader(d), block, piece, &err);

        if (k < 0) {
            if (err.kind != ERR_FORMAT && err.kind != ERR_LIMIT && err.kind != ERR_UNSUPPORTED)
                abort();
            break;
        }
        o.good = k == 0;
        if (k == 0)
            break;
        sha256_update(h, block, (size_t)k);
        total += (size_t)k;
    }
    sha256_final(h, o.sum);
    return o;
}

static Outcome decode(Str file, size_t piece, int which)
{
    static const Compression by_number[] = {COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_BZIP2,
                                            COMPRESSION_XZ, COMPRESSION_NONE};
    Pieces in = {.r = {pieces_read}, .left = file, .piece = piece};
    cleanup_with(decoder_free_at) Decoder *d = NULL;
    Err err;
    int r;

    if (which < (int)ARRAY_LEN(by_number))
        r = decoder_new(by_number[which], &in.r, &d, &err);
    else if (which == (int)ARRAY_LEN(by_number))
        r = decoder_new_sniff(&in.r, &d, NULL, &err);
    else
        r = decoder_new_gzip(&inflate_zlib, &in.r, &d, &err);
    if (r < 0)
        abort();
    return drain(d, piece % 7 ? 300000 : 512);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Str file = {(const char *)data, n};
    size_t piece;
    Outcome a, b;

    if (n < 2)
        return 0;
    piece = data[1] ? data[1] : 100000;
    file = str_skip(file, 2);
    a = decode(file, piece, data[0] % 6);
    if (data[0] % 6 != 0)
        return 0;
    b = decode(file, piece, 6);
    if (a.good != b.good || (a.good && memcmp(a.sum, b.sum, sizeof(a.sum)) != 0))
        abort();
    return 0;
}
