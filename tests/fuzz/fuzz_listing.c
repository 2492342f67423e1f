/* SPDX-License-Identifier: Apache-2.0 */
/* Listings of layers, as a cache may have them: read as the archive, and by the reader of archives. */
#include "base/limits.h"
#include "demand.h"
#include "layer/listing.h"
#include "tar/reader.h"

enum {
    ENOUGH = 4 << 20 /* bytes: a listing may stand for terabytes of zeros */
};

typedef struct Limited {
    Reader r;
    Reader *in;
    size_t left;
} Limited;

static ssize_t read_limited(Reader *self, void *buf, size_t n, Err *err)
{
    Limited *l = (Limited *)self;
    ssize_t got = l->left ? reader_read(l->in, buf, n < l->left ? n : l->left, err) : 0;

    if (got > 0) {
        demand((size_t)got <= n && (size_t)got <= l->left);
        l->left -= (size_t)got;
    }
    return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MemReader from = mem_reader((Str){(const char *)data, size});
    ListingReader listing = listing_reader(&from.r);
    Limited in = {.r = {read_limited}, .in = &listing.r, .left = ENOUGH};
    cleanup_with(tar_reader_free_at) TarReader *tar = tar_reader_new(&in.r);
    TarEntry e;
    Err err;
    int rc;

    while ((rc = tar_reader_next(tar, &e, &err)) > 0)
        demand(e.name.n <= LIMIT_PATH && e.size <= LIMIT_FILE_SIZE);
    demand(rc == 0 || err.kind == ERR_FORMAT || err.kind == ERR_LIMIT ||
           err.kind == ERR_UNSUPPORTED);
    return 0;
}
