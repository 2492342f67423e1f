/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/tar/make.h - archives made by hand, field by field: also the ones no program would write.
 */
#pragma once

#include "tar/header.h"
#include "test.h"

/* A header as GNU tar or ustar would begin it; change fields, then make_put(). */
static inline TarBlock make_block(char flag, const char *name, uint64_t size)
{
    TarBlock b = {.flag = flag, .magic = "ustar", .version = {'0', '0'}};

    strncpy(b.name, name, sizeof(b.name) - 1);
    CHECK(tar_number_put(b.mode, sizeof(b.mode), 0644));
    CHECK(tar_number_put(b.uid, sizeof(b.uid), 1000));
    CHECK(tar_number_put(b.gid, sizeof(b.gid), 100));
    CHECK(tar_number_put(b.size, sizeof(b.size), size));
    CHECK(tar_number_put(b.mtime, sizeof(b.mtime), 1500000000));
    return b;
}

static inline TarBlock make_gnu_block(char flag, const char *name, uint64_t size)
{
    TarBlock b = make_block(flag, name, size);

    memcpy(b.magic, "ustar ", 6);
    memcpy(b.version, " ", 2);
    return b;
}

/* Big-endian two's complement with the mark that says so. */
static inline void make_base256(char *p, size_t n, int64_t v)
{
    for (size_t i = n; i-- > 0; v >>= 8)
        p[i] = (char)(v & 0xff);
    p[0] = (char)(p[0] | 0x80);
}

static inline void make_put(Buf *to, TarBlock b)
{
    tar_block_seal(&b);
    buf_append(to, &b, sizeof(b));
}

/* Data and the zeros up to the next block. */
static inline void make_data(Buf *to, Str data)
{
    static const char zero[TAR_BLOCK];

    buf_add(to, data);
    buf_append(to, zero, (TAR_BLOCK - to->n % TAR_BLOCK) % TAR_BLOCK);
}

static inline void make_file(Buf *to, const char *name, Str data)
{
    make_put(to, make_block('0', name, data.n));
    make_data(to, data);
}

/* A header with text as its data: x, g, L, K. */
static inline void make_text(Buf *to, char flag, Str text)
{
    make_put(to, make_block(flag, "extended", text.n));
    make_data(to, text);
}

static inline void make_end(Buf *to)
{
    static const char zero[2 * TAR_BLOCK];

    buf_append(to, zero, sizeof(zero));
}
