/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/spool.h - single files taken out of archives into temporary files, so that they can be
 * opened in any order.
 *
 * A file is named by an id (of the archive) and its Content.offset. Everything is gone with the
 * spool.
 */
#pragma once

#include "layer/write.h"
#include "os/temp.h"
#include "store/store.h"

typedef struct Spool {
    Temp *dir;
} Spool;

int spool_open(Store *s, Spool *ret, Err *err) must_check;
void spool_done(Spool *s);

/* One pass over an uncompressed archive; 'offsets' is sorted here. */
int spool_extract(Spool *s, Reader *archive, uint32_t id, uint64_t *offsets, size_t n, Err *err)
    must_check;
int spool_file(const Spool *s, uint32_t id, uint64_t offset, OpenFile *ret, Err *err) must_check;
