/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/zlib_deflate.h - zlib streams (RFC 1950) written one after another: the entries of a pack.
 *
 * By zlib, level 1, so that the same input gives the same bytes on every CPU.
 */
#pragma once

#include "base/io.h"

typedef struct ZlibDeflater ZlibDeflater;

ZlibDeflater *zlib_deflater_new(void);
void zlib_deflater_free(ZlibDeflater *d);
CLEANUP_DEFINE(ZlibDeflater, zlib_deflater_free);

/* All of 'in' as one stream into 'out'. Errors: theirs. */
int zlib_deflate(ZlibDeflater *d, Reader *in, Writer *out, Err *err) must_check;
