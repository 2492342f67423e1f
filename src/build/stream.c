/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer on its way from the blob to whoever reads its archive, on two cores:
 *
 *      pool thread:  file or download -> sha256 -> inflate -> | pipe | -> reader
 *                                                             `-> sha256 (diff id)
 *
 * The first sha256 is of the blob, where nobody else sees to its digest.
 */
#include "build/download.h"
#include "codec/sha256.h"
#include "os/fd.h"
#include "os/pipe.h"

enum {
    PIPE_BLOCKS = 8
};

struct LayerStream {
    const ImageLayer *layer;
    int fd;                  /* of the blob, or -1: */
    DownloadReader download; /* it is still on its way */
    bool verify_blob;
    Pipe *pipe;
    Task *task;
    Sha256 *diff;
};

/* A Reader that hashes what passes: used for blobs that were not verified when they came here. */
typedef struct HashReader {
    Reader r;
    Reader *in;
    Sha256 *hash; /* NULL: only passes on */
} HashReader;

static ssize_t hash_read(Reader *self, void *buf, size_t n, Err *err)
{
    HashReader *h = (HashReader *)self;
    ssize_t k = reader_read(h->in, buf, n, err);

    if (k > 0 && h->hash)
        sha256_update(h->hash, buf, (size_t)k);
    return k;
}

/*
 * To the very end of the blob: nothing is left, unless somebody appended to it; a download says
 * there whether it is right.
 */
static int check_blob(LayerStream *s, HashReader *h, Err *err)
{
    unsigned char sum[SHA256_BYTES];
    char rest[4096];
    ssize_t k;
    Digest got;

    while ((k = reader_read(&h->r, rest, sizeof(rest), err)) > 0)
        ;
    if (k < 0)
        return -1;
    if (!h->hash)
        return 0;
    sha256_final(h->hash, sum);
    got = digest_from_sha256(sum);
    if (!digest_eq(&got, &s->layer->desc.digest))
        return err_set(err, ERR_DIGEST,
                       "the blob %s has the digest %s: the image layout is damaged",
                       s->layer->desc.digest.text, got.text);
    return 0;
}

static int pump(LayerStream *s, HashReader *h, Err *err)
{
    cleanup_with(decoder_free_at) Decoder *d = NULL;

    TRY(decoder_new_sniff(&h->r, &d, NULL, err));
    TRY(pipe_fill(s->pipe, decoder_reader(d), err));
    return check_blob(s, h, err);
}

static int run_stream(void *arg, Err *err)
{
    LayerStream *s = arg;
    cleanup_with(sha256_free_at) Sha256 *hash = s->verify_blob ? sha256_new() : NULL;
    FdReader file = fd_reader(s->fd);
    HashReader h = {{hash_read}, s->fd < 0 ? &s->download.r : &file.r, hash};
    int rc = pump(s, &h, err);

    pipe_close_write(s->pipe, rc < 0 ? err : NULL);
    return rc;
}

static void hash_archive(void *ctx, const void *p, size_t n)
{
    sha256_update(((LayerStream *)ctx)->diff, p, n);
}

static int open_source(LayerStream *s, Builder *b, Err *err)
{
    const ImageLayer *l = s->layer;
    bool here = !l->origin || store_has(b->store, &l->desc.digest, NULL);
    Store *layout = here ? NULL : image_layout(l->origin);
    Download *d;

    if (layout) {
        s->verify_blob = true;
        if (store_open_blob_unverified(layout, &l->desc.digest, &s->fd, err) == 0)
            return 0;
        if (!image_leave_cache(b, l->origin))
            return -1;
    }
    if (!here)
        download_begin(b, l);
    d = download_find(b, &l->desc.digest);
    if (d) {
        s->download = download_reader(d);
        return 0;
    }
    TRY(layer_fetch(b, l, err));
    return store_open_blob(b->store, &l->desc.digest, &s->fd, NULL, err);
}

int layer_stream_open(Builder *b, const ImageLayer *l, LayerStream **ret, Err *err)
{
    cleanup_with(layer_stream_free_at) LayerStream *s = NEW(LayerStream);

    s->fd = -1;
    s->layer = l;
    TRY(open_source(s, b, err));
    s->diff = sha256_new();
    s->pipe = pipe_new(PIPE_BLOCKS, hash_archive, s);
    s->task = pool_submit(b->cpu, run_stream, s);
    *ret = steal_ptr(&s);
    return 0;
}

Reader *layer_stream_reader(LayerStream *s)
{
    return pipe_reader(s->pipe);
}

int layer_stream_finish(LayerStream *s, Err *err)
{
    unsigned char sum[SHA256_BYTES];
    char rest[4096];
    ssize_t k;
    Digest got;

    /* An archive may be followed by padding: it belongs to the diff id. */
    while ((k = reader_read(pipe_reader(s->pipe), rest, sizeof(rest), err)) > 0)
        ;
    if (k < 0)
        return -1;
    TRY(task_join(steal_ptr(&s->task), err));
    sha256_final(s->diff, sum);
    got = digest_from_sha256(sum);
    if (!digest_eq(&got, &s->layer->diff_id))
        return err_set(
            err, ERR_DIGEST,
            "the layer unpacks to %s, but the image's config says %s: the image is damaged or "
            "was tampered with",
            got.text, s->layer->diff_id.text);
    return 0;
}

void layer_stream_free(LayerStream *s)
{
    Err ignored;

    if (!s)
        return;
    if (s->task) {
        pipe_close_read(s->pipe);
        (void)!task_join(s->task, &ignored);
    }
    pipe_free(s->pipe);
    sha256_free(s->diff);
    close_at(&s->fd);
    free(s);
}
