/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip: a ring of slots. The producer fills one, hands it to the pool and goes on with the next:
 *
 *      slots   [ written ] [ compressed ] [ being compressed ] [ being filled ]
 *              oldest                                           newest
 *
 * Compressing can be done in any order. Hashing what goes in and writing what comes out (which
 * hashes it too) cannot: each is done chunk after chunk, by whichever thread has just finished
 * something or would have to wait, one thread at a time. So the producer is left with producing,
 * all cores are busy, and a slow pool slows the producer down instead of piling up chunks.
 *
 * A slot's buffer begins with the last 32 KiB of the slot before it: the dictionary.
 */
#include "layer/compress.h"

#include <pthread.h>

#include "codec/sha256.h"
#include "codec/zstd.h"

enum {
    SLOTS_MAX = 18,
    THREADS_MAX = 16
};

typedef struct Slot {
    Compressor *owner;
    GzipChunker *chunker;
    unsigned char *in; /* GZIP_WINDOW of dictionary, then up to GZIP_CHUNK of data */
    unsigned char *out;
    size_t n_dict, n_in, n_out;
    uint32_t crc;
    bool last;
    bool compressed;
    Task *task; /* NULL: idle */
} Slot;

/* Work that goes through the chunks in order. */
typedef struct Serial {
    uint64_t done; /* chunks */
    bool busy;     /* some thread is at the next one */
} Serial;

struct Compressor {
    Writer w;
    LayerCodec codec;
    Pool *pool;
    BlobWriter *blob;
    Sha256 *diff;
    ZstdWriter *zstd; /* COMPRESSION_ZSTD only */
    uint64_t total;   /* bytes of the archive */

    /* COMPRESSION_GZIP only: chunk n is in slots[n % n_slots] */
    Slot slots[SLOTS_MAX];
    size_t n_slots;
    uint64_t submitted;   /* chunks; the next one is being filled */
    uint32_t crc;         /* of what was written */
    pthread_mutex_t lock; /* of what follows, 'submitted' and Slot.compressed */
    pthread_cond_t moved; /* something of it has changed */
    Serial hashing, writing;
    bool failed;
    Err err; /* the first one */
};

static void must(int r)
{
    if (r != 0)
        abort(); /* a mutex of our own in a state that the code does not allow */
}

static Slot *slot_of(Compressor *c, uint64_t chunk)
{
    return &c->slots[chunk % c->n_slots];
}

/* --- the pool's side, and whoever helps --- */

/* These hold the lock. */
static void changed(Compressor *c)
{
    must(pthread_cond_broadcast(&c->moved));
}

static void set_failed(Compressor *c, const Err *err)
{
    if (!c->failed)
        c->err = *err;
    c->failed = true;
    changed(c);
}

/* Begin the next chunk of a serial work: the lock is let go until end_serial(). */
static Slot *begin_serial(Compressor *c, Serial *s)
{
    s->busy = true;
    must(pthread_mutex_unlock(&c->lock));
    return slot_of(c, s->done);
}

static void end_serial(Compressor *c, Serial *s)
{
    must(pthread_mutex_lock(&c->lock));
    s->busy = false;
    s->done++;
    changed(c);
}

static void hash_next(Compressor *c)
{
    const Slot *s = begin_serial(c, &c->hashing);

    sha256_update(c->diff, s->in + GZIP_WINDOW, s->n_in);
    end_serial(c, &c->hashing);
}

static void write_next(Compressor *c)
{
    const Slot *s = begin_serial(c, &c->writing);
    Err err;
    int rc = writer_write(blob_writer(c->blob), s->out, s->n_out, &err);

    c->crc = gzip_crc_combine(c->crc, s->crc, s->n_in);
    end_serial(c, &c->writing);
    if (rc < 0)
        set_failed(c, &err);
}

/*
 * Do what is next in order; false when there is nothing, or somebody is at it. The lock is held,
 * but not all the time.
 */
static bool help(Compressor *c)
{
    if (c->failed)
        return false;
    if (!c->writing.busy && c->writing.done < c->submitted &&
        slot_of(c, c->writing.done)->compressed)
        write_next(c);
    else if (!c->hashing.busy && c->hashing.done < c->submitted)
        hash_next(c);
    else
        return false;
    return true;
}

static int compress_slot(void *arg, Err *err)
{
    Slot *s = arg;
    Compressor *c = s->owner;
    const char *data = (const char *)s->in + GZIP_WINDOW;
    GzipChunk chunk = {{data - s->n_dict, s->n_dict}, {data, s->n_in}, s->last};
    int rc = gzip_chunk(s->chunker, &chunk, s->out, &s->n_out, &s->crc, err);

    must(pthread_mutex_lock(&c->lock));
    s->compressed = true;
    changed(c);
    if (rc < 0)
        set_failed(c, err);
    /*
     * One of each a chunk keeps up with the chunks; more would keep this slot from being used
     * again.
     */
    if (help(c))
        (void)help(c);
    must(pthread_mutex_unlock(&c->lock));
    return rc;
}

/* --- the producer's side --- */

static bool is_through(const Compressor *c, uint64_t chunks)
{
    return c->hashing.done >= chunks && c->writing.done >= chunks;
}

/* Until the first so many chunks are hashed and in the blob. */
static int wait_through(Compressor *c, uint64_t chunks, Err *err)
{
    int rc = 0;

    must(pthread_mutex_lock(&c->lock));
    while (!c->failed && !is_through(c, chunks))
        if (!help(c))
            must(pthread_cond_wait(&c->moved, &c->lock));
    if (c->failed) {
        *err = c->err;
        rc = -1;
    }
    must(pthread_mutex_unlock(&c->lock));
    return rc;
}

/* Its task may still be helping others when the slot is free. */
static void join_slot(Slot *s)
{
    Err ignored; /* it is the compressor's as well */

    if (s->task)
        (void)!task_join(steal_ptr(&s->task), &ignored);
}

static void submit(Compressor *c, bool last)
{
    Slot *s = slot_of(c, c->submitted);

    s->last = last;
    s->compressed = false;
    must(pthread_mutex_lock(&c->lock));
    c->submitted++;
    must(pthread_mutex_unlock(&c->lock));
    s->task = pool_submit(c->pool, compress_slot, s);
}

/* Make the slot of the next chunk ready, with its dictionary. */
static int next_slot(Compressor *c, Err *err)
{
    const Slot *before = slot_of(c, c->submitted - 1);
    Slot *s = slot_of(c, c->submitted);

    if (c->submitted >= c->n_slots)
        TRY(wait_through(c, c->submitted - c->n_slots + 1, err));
    join_slot(s);
    s->n_in = 0;
    s->n_dict = GZIP_WINDOW; /* a chunk is larger than the window */
    memcpy(s->in, before->in + before->n_in, GZIP_WINDOW);
    return 0;
}

static int write_gzip(Compressor *c, const unsigned char *p, size_t n, Err *err)
{
    while (n > 0) {
        Slot *s = slot_of(c, c->submitted);
        size_t take = GZIP_CHUNK - s->n_in;

        /* A full slot goes out when more is known to come: the last one must carry the end mark. */
        if (take == 0) {
            submit(c, false);
            TRY(next_slot(c, err));
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

    c->total += n;
    if (c->codec.kind == COMPRESSION_GZIP)
        return write_gzip(c, p, n, err);
    sha256_update(c->diff, p, n);
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
        c->slots[i].owner = c;
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
    must(pthread_mutex_init(&c->lock, NULL));
    must(pthread_cond_init(&c->moved, NULL));
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

    submit(c, true);
    TRY(wait_through(c, c->submitted, err));
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
    for (size_t i = 0; i < c->n_slots; i++)
        join_slot(&c->slots[i]);
    for (size_t i = 0; i < c->n_slots; i++) {
        gzip_chunker_free(c->slots[i].chunker);
        free(c->slots[i].in);
        free(c->slots[i].out);
    }
    zstd_writer_free(c->zstd);
    blob_writer_free(c->blob);
    sha256_free(c->diff);
    (void)pthread_cond_destroy(&c->moved);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}
