/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/feed.h - a window on a Reader, for decoders: look ahead, consume, and step back a little.
 *
 *      block:  | behind (8) | consumed ... | p ......... p+n | free |
 *
 * Deflate engines read up to 8 bytes beyond the end of their data; the bytes before p stay where
 * they are, across refills too, so that giving back is moving p.
 */
#pragma once

#include "base/io.h"

#define FEED_BEHIND 8  /* bytes that can always be given back once consumed */
#define FEED_LOOK   16 /* most that feed_look() may be asked for */
#define FEED_BLOCK \
    ((size_t)256 * \
     1024) /* read at a time; each call of an engine costs, whatever comes out of it */

typedef struct Feed {
    Reader *in;             /* borrowed */
    const unsigned char *p; /* what is there and not consumed */
    size_t n;
    bool ended; /* 'in' has nothing after that */
    unsigned char block[FEED_BEHIND + FEED_BLOCK];
} Feed;

void feed_init(Feed *f, Reader *in);

/* When nothing is left, read once. Then n == 0 means that ended is set. */
int feed_fill(Feed *f, Err *err) must_check;

/* Read until 'want' (<= FEED_LOOK) bytes are there or the end is; consumes nothing. */
int feed_look(Feed *f, size_t want, Err *err) must_check;

/* Consume one byte. Returns 1, or 0 at the end. */
int feed_byte(Feed *f, unsigned char *ret, Err *err) must_check;

static inline void feed_consume(Feed *f, size_t n)
{
    f->p += n;
    f->n -= n;
}
