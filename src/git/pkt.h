/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git/pkt.h - git's packets (gitprotocol-common): four hexadecimal digits of length, then data.
 *
 * Errors  ERR_FORMAT for what is no packet, ERR_NET when the other side ends in the middle, and
 *         what it says itself: "ERR ...", or a message in band 3.
 */
#pragma once

#include "base/buf.h"
#include "base/io.h"

#define PKT_MAX 65520u /* bytes, the length's digits included */

typedef enum PktKind {
    PKT_DATA,
    PKT_FLUSH, /* 0000 */
    PKT_DELIM, /* 0001 */
    PKT_END,   /* 0002 */
    PKT_EOF,   /* the stream ended between packets */
} PktKind;

/* Reads no byte more than it needs: what follows a packet is still in 'in'. */
typedef struct PktReader {
    Reader *in; /* borrowed */
    Str data;   /* of the packet read last: lives until the next */
    char block[PKT_MAX + 1];
} PktReader;

void pkt_init(PktReader *p, Reader *in);
int pkt_next(PktReader *p, PktKind *ret, Err *err) must_check;
/* The same; a newline at the end of data is left away. */
int pkt_line(PktReader *p, PktKind *ret, Err *err) must_check;

/* The bytes of band 1 up to a flush packet or the end; what band 2 tells is only logged. */
typedef struct BandReader {
    Reader r;
    PktReader *from; /* borrowed */
    Str left;
    bool ended;
} BandReader;

BandReader band_reader(PktReader *from);

void pkt_add(Buf *out, const char *fmt, ...) printf_like(2, 3);
void pkt_add_flush(Buf *out);
void pkt_add_delim(Buf *out);
