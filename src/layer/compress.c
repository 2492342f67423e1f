/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip: a ring of slots. The producer fills the newest slot, hands it to the pool and goes on; when the
 * ring is full it waits for the oldest and writes that one's output. So output is in order, only the
 * producer touches the blob, and a slow pool slows the producer down instead of piling up chunks.
 *
 *      slots   [ writing out ] [ compressing ] [ compressing ] [ being filled ]
 *              oldest                                            newest
 *
 * A slot's buffer begins with the last 32 KiB of the slot before it: the dictionary.
 */
#include "layer/compress.h"

#include "codec/sha256.h"
#include "codec/zstd.h"

enum {
    SLOTS_MAX = 18,
    THREADS_MAX = 16
};

typedef struct Slot {
    GzipChunker *chunker;
    unsigned char *in; /* GZIP_WINDOW of dictionary, then up to GZIP_CHUNK of data */
    unsigned char *out;
    size_t n_dict, n_in, n_out;
    uint32_t crc;
    bool last;
    Task *task; /* NULL: idle */
} Slot;

struct Compressor {
    Writer w;
    LayerCodec codec;
    Pool *pool;
    BlobWriter *blob;
    Sha256 *diff;
    ZstdWriter *zstd; /* COMPRESSION_ZSTD only */

    Slot slots[SLOTS_MAX];
    size_t n_slots;
    size_t oldest, filling; /* ring positions */
    size_t in_flight;
    uint32_t crc;
    uint64_t total; /* bytes of the archive */
};

static int compress_slot(void *arg, Err *err)
{
    Slot *s = arg;
    const unsigned char *data = s->in + GZIP_WINDOW;

    return gzip_chunk(s->chunker, data - s->n_dict, s->n_dict, data, s->n_in, s->last, s->out,
                      &s->n_out, &s->crc, err);
}

static int join_oldest(Compressor *c, Err *err)
{
    Slot *s = &c->slots[c->oldest];

    c->oldest = (c->oldest + 1) % c->n_slots;
    c->in_flight--;
    TRY(task_join(steal_ptr(&s->task), err));
    c->crc = gzip_crc_combine(c->crc, s->crc, s->n_in);
    return writer_write(blob_writer(c->blob), s->out, s->n_out, err);
}

/* Hand the slot being filled to the pool; make the next one ready, with its dictionary. */
static int submit(Compressor *c, bool last, Err *err)
{
    Slot *s = &c->slots[c->filling], *next;

    s->last = last;
    s->task = pool_submit(c->pool, compress_slot, s);
    c->in_flight++;
    c->filling = (c->filling + 1) % c->n_slots;
    if (c->in_flight == c->n_slots)
        TRY(join_oldest(c, err));
    next = &c->slots[c->filling];
    next->n_in = 0;
    next->n_dict = last ? 0 : GZIP_WINDOW; /* a chunk is larger than the window */
    memcpy(next->in, s->in + GZIP_WINDOW + s->n_in - next->n_dict, next->n_dict);
    return 0;
}

static int write_gzip(Compressor *c, const unsigned char *p, size_t n, Err *err)
{
    while (n > 0) {
        Slot *s = &c->slots[c->filling];
        size_t take = GZIP_CHUNK - s->n_in;

        /* A full slot goes out when more is known to come: the last one must carry the end mark. */
        if (take == 0) {
            TRY(submit(c, false, err));
            continue;
        }
        if (take > n)
            take = n;
        memcpy(s->in + GZIP_WINDOW + s->n_in, p, take);
        s->n_in += take;
        p += take;
        n -= take;
    }
    return 0;
}

static int write_bytes(Writer *self, const void *p, size_t n, Err *err)
{
    Compressor *c = (Compressor *)self;

    sha256_update(c->diff, p, n);
    c->total += n;
    if (c->codec.kind == COMPRESSION_GZIP)
        return write_gzip(c, p, n, err);
    if (c->codec.kind == COMPRESSION_ZSTD)
        return writer_write(zstd_writer(c->zstd), p, n, err);
    return writer_write(blob_writer(c->blob), p, n, err);
}

static int start_gzip(Compressor *c, Err *err)
{
    unsigned threads = pool_threads(c->pool);
    unsigned char header[GZIP_HEADER];

    c->n_slots = (threads < THREADS_MAX ? threads : THREADS_MAX) + 2;
    for (size_t i = 0; i < c->n_slots; i++) {
        c->slots[i].chunker = gzip_chunker_new(c->codec.gzip, c->codec.level);
        c->slots[i].in = NEW_N(unsigned char, GZIP_WINDOW + GZIP_CHUNK);
        c->slots[i].out = NEW_N(unsigned char, gzip_chunk_bound(GZIP_CHUNK));
    }
    gzip_header(header);
    return writer_write(blob_writer(c->blob), header, sizeof(header), err);
}

int compressor_new(Store *s, Pool *pool, const LayerCodec *codec, Compressor **ret, Err *err)
{
    cleanup_with(compressor_free_at) Compressor *c = NEW(Compressor);

    c->w.write = write_bytes;
    c->codec = *codec;
    c->pool = pool;
    c->diff = sha256_new();
    TRY(blob_writer_new(s, &c->blob, err));
    if (codec->kind == COMPRESSION_GZIP)
        TRY(start_gzip(c, err));
    else if (codec->kind == COMPRESSION_ZSTD)
        TRY(zstd_writer_new(codec->level, pool_threads(pool), blob_writer(c->blob), &c->zstd, err));
    *ret = steal_ptr(&c);
    return 0;
}

Writer *compressor_writer(Compressor *c)
{
    return &c->w;
}

static int finish_gzip(Compressor *c, Err *err)
{
    unsigned char trailer[GZIP_TRAILER];

    TRY(submit(c, true, err));
    while (c->in_flight > 0)
        TRY(join_oldest(c, err));
    gzip_trailer(c->crc, c->total, trailer);
    return writer_write(blob_writer(c->blob), trailer, sizeof(trailer), err);
}

int compressor_finish(Compressor *c, LayerBlob *ret, Err *err)
{
    unsigned char sum[SHA256_BYTES];
    LayerBlob b = {.unpacked_bytes = c->total};

    if (c->codec.kind == COMPRESSION_GZIP)
        TRY(finish_gzip(c, err));
    else if (c->codec.kind == COMPRESSION_ZSTD)
        TRY(zstd_writer_finish(c->zstd, err));
    TRY(blob_writer_commit(c->blob, NULL, UINT64_MAX, &b.desc.digest, &b.desc.size, err));
    sha256_final(c->diff, sum);
    b.diff_id = digest_from_sha256(sum);
    b.desc.media_type = media_layer(c->codec.docker, c->codec.kind);
    *ret = b;
    return 0;
}

void compressor_free(Compressor *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_slots; i++) {
        Err ignored;

        if (c->slots[i].task)
            (void)!task_join(c->slots[i].task, &ignored);
        gzip_chunker_free(c->slots[i].chunker);
        free(c->slots[i].in);
        free(c->slots[i].out);
    }
    zstd_writer_free(c->zstd);
    blob_writer_free(c->blob);
    sha256_free(c->diff);
    free(c);
}
