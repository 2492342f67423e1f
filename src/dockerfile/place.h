/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/place.h - where in the file a word stands, and that line with a caret below.
 *
 *       12 | RNU apt-get update
 *          | ^~~
 */
#pragma once

#include "base/buf.h"
#include "dockerfile/ast.h"

typedef struct SourcePlace {
    Str line;              /* the physical line, within the source's text */
    unsigned number;       /* 1-based */
    size_t offset, length; /* of what is underlined, in bytes */
} SourcePlace;

/*
 * 'at' lies within one of the pieces of a joined line (n may be 0), or within src->text. False when
 * it does neither: it is a copy.
 */
bool place_find(const InstrSource *src, const LinePiece *pieces, size_t n, Str at,
                SourcePlace *ret);

unsigned place_column(const SourcePlace *p);  /* in characters, 1-based */
unsigned place_columns(const SourcePlace *p); /* how many are underlined: 1 at least */

/* A newline, the line (passwords of URLs as x), and the caret; no newline at the end. */
void place_add_excerpt(Buf *b, const SourcePlace *at);

/* At most 'columns' characters of s, made harmless for a terminal; a newline is. */
void place_add_visible(Buf *b, Str s, size_t columns);
