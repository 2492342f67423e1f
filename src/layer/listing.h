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

#include "tar/reader.h"

#define LISTING_TEXT 65536u

/* --- making one, while the layer is read for another purpose --- */

typedef struct Listed Listed;

/* What is read from listed_reader() is that of 'in'; its listing goes to 'out'. */
Listed *listed_new(Reader *in, Writer *out);
Reader *listed_reader(Listed *l);
/* Each entry, as soon as it is known: its data is not read yet. */
void listed_entry(Listed *l, const TarReader *t, const TarEntry *e);
/*
 * The archive has been read to its end. -1: there is no listing (the first error of 'out', or
 * ERR_LIMIT for headers without end); reading was not disturbed by that.
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
