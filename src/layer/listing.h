/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer/listing.h - the archive of a layer without what is in its files: the same headers at the
 * same places, but zeros for data, of which only the number is kept. A tree is the same whether it
 * was made from a layer or from its listing, offsets of files included.
 *
 * Files called passwd and group keep their bytes: apply keeps those (KeptFile).
 *
 *      8 bytes  number of zeros        little-endian
 *      4 bytes  n, at most LISTING_TEXT
 *      n bytes  of the archive
 *      and so on
 *
 * Ownership  all streams are borrowed.
 */
#pragma once

#include "base/io.h"

#define LISTING_TEXT 65536u

/* --- making one, while the layer is read or written --- */

typedef struct Listed Listed;

Listed *listed_new(Writer *out);
/* What is read from it is that of 'in'. */
Reader *listed_reader(Listed *l, Reader *in);
/* What is written to it goes on to 'to'. */
Writer *listed_writer(Listed *l, Writer *to);
/*
 * The data of an entry: n bytes of the archive from 'at' on. To be told in their order, and before
 * the data is read or written.
 */
void listed_data(Listed *l, Str name, uint64_t at, uint64_t n);
/*
 * The archive has come to its end. -1: there is no listing (the first error of 'out', or ERR_LIMIT
 * for headers without end); the archive was not disturbed by that.
 */
int listed_finish(Listed *l, Err *err) must_check;
void listed_free(Listed *l);
CLEANUP_DEFINE(Listed, listed_free);

/* --- reading one: as the archive --- */

typedef struct ListingReader {
    Reader r;
    Reader *in;
    uint64_t zeros; /* to come */
    uint32_t text;  /* bytes, behind them */
} ListingReader;
ListingReader listing_reader(Reader *in);
