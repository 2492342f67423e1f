/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/download.h - a layer on its way here, which can be read while it still comes.
 *
 * What has been read before the download has ended is not verified: the Reader says that the blob
 * has ended (0) only when its digest was right. Should a transfer bring wrong bytes and a second
 * one the right ones, readers have a mixture of both, which cannot pass for the layer: then
 * download_was_wrong() tells that reading it again may help.
 *
 * Ownership  the builder's, until downloads_done(). Threads: the transfer is a task of the net
 *            pool; anybody may read.
 */
#pragma once

#include "build/image.h"

/* Begin, unless the layer is here or has been begun. For layers in a registry. */
void download_begin(Builder *b, const ImageLayer *l);
bool download_was_begun(const Builder *b, const Digest *d);
/* What is still under way; NULL when it was never begun or has ended. */
Download *download_find(const Builder *b, const Digest *d);
/*
 * Wait for its end: may readers have got wrong bytes, because it began anew or brought another
 * digest?
 */
bool download_was_wrong(const Builder *b, const Digest *d);
/* Wait for all; those of caches that have failed are noted (build/damage.h). */
void downloads_note_damage(Builder *b);
void downloads_done(Builder *b); /* waits for all */

typedef struct DownloadReader {
    Reader r;
    Download *d;
    uint64_t at;
} DownloadReader;
DownloadReader download_reader(Download *d);
