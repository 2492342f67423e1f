/* SPDX-License-Identifier: Apache-2.0 */
#include "layer/twin.h"

#include "os/fd.h"

enum {
    TAIL_MAX = 20 /* bytes */
};

/* Deflate, no flags, the mark as the time, no extra flags, no system; one empty block of fixed codes; crc and
   size of nothing. */
static const unsigned char gzip_tail[20] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 3};
/* Magic number, four bytes follow, the mark. */
static const unsigned char zstd_tail[12] = {0x50, 0x2a, 0x4d, 0x18, 4};

static Str tail(Compression kind, uint32_t mark, unsigned char room[TAIL_MAX])
{
    bool gzip = kind == COMPRESSION_GZIP;
    size_t n = gzip ? sizeof(gzip_tail) : sizeof(zstd_tail), at = gzip ? 4 : 8;

    memcpy(room, gzip ? gzip_tail : zstd_tail, n);
    for (size_t i = 0; i < 4; i++)
        room[at + i] = (unsigned char)(mark >> (8 * i));
    return (Str){(const char *)room, n};
}

int layer_twin(Store *s, Compression kind, uint32_t mark, LayerBlob *blob, Err *err)
{
    cleanup_with(blob_writer_free_at) BlobWriter *out = NULL;
    cleanup_close int fd = -1;
    unsigned char room[TAIL_MAX];
    Str more = tail(kind, mark, room);
    LayerBlob twin = *blob;
    FdReader in;

    if (kind != COMPRESSION_GZIP && kind != COMPRESSION_ZSTD)
        return 0;
    TRY(store_open_blob(s, &blob->desc.digest, &fd, NULL, err));
    TRY(blob_writer_new(s, &out, err));
    in = fd_reader(fd);
    TRY(io_copy(&in.r, blob_writer(out), NULL, err));
    TRY(writer_write(blob_writer(out), more.p, more.n, err));
    TRY(blob_writer_commit(out, NULL, UINT64_MAX, &twin.desc.digest, &twin.desc.size, err));
    *blob = twin;
    return 1;
}
