/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/zlib_stream.h - zlib streams (RFC 1950) one after another in one input, with other things
 * between them: a pack of git.
 *
 * The checksum at the end is not looked at: whoever reads such streams has a better one.
 *
 * Errors  ERR_FORMAT "zlib: ...", else those of the Feed's Reader.
 */
#pragma once

#include "codec/feed.h"

typedef struct ZlibStream ZlibStream;

ZlibStream *zlib_stream_new(Feed *in); /* 'in' is borrowed */
void zlib_stream_free(ZlibStream *z);
CLEANUP_DEFINE(ZlibStream, zlib_stream_free);

/*
 * A stream begins where the Feed stands; when its reader has ended, the Feed stands right behind
 * it.
 */
int zlib_stream_begin(ZlibStream *z, Err *err) must_check;
Reader *zlib_stream_reader(ZlibStream *z); /* always the same one */
