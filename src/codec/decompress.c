/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part that is the same for all formats: telling them apart, going from member to member, and
 * handing out what was decoded. Decoding is done 256 KiB at a time, so that the engines run at their
 * best and what comes out is hashed while it is in the cache; a caller with a buffer that large gets
 * it filled directly, others (a tar reader wants 512 bytes) are served from a block of ours.
 */
#include "codec/decoder.h"

#define DECODER_BLOCK ((size_t)256 * 1024) /* decoded at a time */

/* ---- telling formats apart ---- */

typedef struct Magic {
    Compression compression;
    size_t n;
    unsigned char value[COMPRESSION_MAGIC], mask[COMPRESSION_MAGIC];
} Magic;

/* bzip2's four bytes alone are also how a tar archive of a file "BZh9..." begins: with two of the
   six that start a block, or end an empty stream, they are not. */
static const Magic magics[] = {
    {COMPRESSION_GZIP, 3, {0x1f, 0x8b, 8}, {0xff, 0xff, 0xff}},
    {COMPRESSION_ZSTD, 4, {0x28, 0xb5, 0x2f, 0xfd}, {0xff, 0xff, 0xff, 0xff}},
    {COMPRESSION_ZSTD, 4, {0x50, 0x2a, 0x4d, 0x18}, {0xf0, 0xff, 0xff, 0xff}}, /* skippable */
    {COMPRESSION_BZIP2, 6, "BZh01A", {0xff, 0xff, 0xff, 0xf0, 0xff, 0xff}},
    {COMPRESSION_BZIP2, 6, "BZh0\x17r", {0xff, 0xff, 0xff, 0xf0, 0xff, 0xff}},
    {COMPRESSION_XZ,
     6,
     "\xfd"
     "7zXZ",
     {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
};

/* Do the first n bytes (at most the magic's own) agree? */
static bool magic_agrees(const Magic *m, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n && i < m->n; i++)
        if ((p[i] & m->mask[i]) != m->value[i])
            return false;
    return true;
}

Compression compression_sniff(const void *p, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(magics); i++)
        if (n >= magics[i].n && magic_agrees(&magics[i], p, n))
            return magics[i].compression;
    return COMPRESSION_NONE;
}

/* Could what is there become c if it went on? */
static bool is_cut_magic(Compression c, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(magics); i++)
        if (magics[i].compression == c && n < magics[i].n && magic_agrees(&magics[i], p, n))
            return true;
    return false;
}

const char *compression_name(Compression c)
{
    switch (c) {
    case COMPRESSION_NONE: return "plain";
    case COMPRESSION_GZIP: return "gzip";
    case COMPRESSION_ZSTD: return "zstd";
    case COMPRESSION_BZIP2: return "bzip2";
    case COMPRESSION_XZ: return "xz";
    }
    return "unknown";
}

static const DecoderFormat *find_format(Compression c)
{
    static const DecoderFormat *const formats[] = {&format_gzip, &format_zstd, &format_bzip2,
                                                   &format_xz};

    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (formats[i]->compression == c)
            return formats[i];
    return NULL;
}

/* ---- from member to member ---- */

static const char *name_of(const Decoder *d)
{
    return compression_name(d->format->compression);
}

int decoder_truncated(const Decoder *d, Err *err)
{
    return err_set(err, ERR_FORMAT, "%s: truncated", name_of(d));
}

/* Tools that write to tapes or fixed-size blocks leave zeros behind the last member. */
static int skip_padding(Decoder *d, Err *err)
{
    for (;;) {
        TRY(feed_fill(&d->feed, err));
        if (d->feed.n == 0)
            break;
        if (*d->feed.p != 0)
            return err_set(err, ERR_FORMAT, "%s: data after the zero padding", name_of(d));
        feed_consume(&d->feed, 1);
    }
    d->ended = true;
    return 0;
}

/* Between members: the end, padding, or the next. */
static int next_member(Decoder *d, Err *err)
{
    Feed *f = &d->feed;
    Compression c = d->format->compression;

    TRY(feed_look(f, COMPRESSION_MAGIC, err));
    if (d->any_member && (f->n == 0 || *f->p == 0))
        return skip_padding(d, err);
    if (compression_sniff(f->p, f->n) != c) {
        if (is_cut_magic(c, f->p, f->n))
            return decoder_truncated(d, err);
        return err_set(err, ERR_FORMAT,
                       d->any_member ? "%s: foreign data after the end" : "%s: not of this format",
                       name_of(d));
    }
    d->in_member = true;
    return d->format->begin(d, err);
}

static int member_step(Decoder *d, unsigned char *out, size_t n_out, size_t *ret_n, Err *err)
{
    bool dry;
    int r;

    TRY(feed_fill(&d->feed, err));
    dry = d->feed.n == 0;
    r = d->format->step(d, out, n_out, ret_n, err);
    if (r == DECODE_END) {
        d->in_member = false;
        d->any_member = true;
    } else if (r == DECODE_MORE && *ret_n == 0 && dry) {
        return decoder_truncated(d, err);
    }
    return r;
}

/* At least one byte into 'out', or the end (*ret_n = 0). */
static int decode(Decoder *d, unsigned char *out, size_t n_out, size_t *ret_n, Err *err)
{
    *ret_n = 0;
    while (*ret_n == 0 && !d->ended) {
        if (d->in_member)
            TRY(member_step(d, out, n_out, ret_n, err));
        else
            TRY(next_member(d, err));
    }
    return 0;
}

/* ---- the Reader ---- */

static ssize_t take_decoded(Decoder *d, void *buf, size_t n)
{
    size_t k = n < d->n ? n : d->n;

    memcpy(buf, d->block + d->pos, k);
    d->pos += k;
    d->n -= k;
    return (ssize_t)k;
}

static ssize_t decoder_read(Reader *self, void *buf, size_t n, Err *err)
{
    Decoder *d = (Decoder *)self;
    size_t got;

    if (d->n > 0)
        return take_decoded(d, buf, n);
    if (n >= DECODER_BLOCK) {
        TRY(decode(d, buf, n, &got, err));
        return (ssize_t)got;
    }
    if (!d->block)
        d->block = NEW_N(unsigned char, DECODER_BLOCK);
    d->pos = 0;
    TRY(decode(d, d->block, DECODER_BLOCK, &d->n, err));
    return take_decoded(d, buf, n);
}

/* Plain bytes: what was looked at, then the inner Reader itself. */
static ssize_t plain_read(Reader *self, void *buf, size_t n, Err *err)
{
    Feed *f = &((Decoder *)self)->feed;
    size_t k = n < f->n ? n : f->n;

    if (k == 0)
        return f->ended ? 0 : reader_read(f->in, buf, n, err);
    memcpy(buf, f->p, k);
    feed_consume(f, k);
    return (ssize_t)k;
}

/* ---- life cycle ---- */

static Decoder *make(Reader *in)
{
    Decoder *d = NEW(Decoder);

    d->r.read = plain_read;
    feed_init(&d->feed, in);
    return d;
}

static void set_format(Decoder *d, Compression c)
{
    d->format = find_format(c);
    if (!d->format)
        return;
    d->r.read = decoder_read;
    d->state = d->format->new ();
}

int decoder_new(Compression c, Reader *in, Decoder **ret, Err *err)
{
    Decoder *d = make(in);

    (void)err;
    set_format(d, c);
    *ret = d;
    return 0;
}

int decoder_new_sniff(Reader *in, Decoder **ret, Compression *ret_c, Err *err)
{
    cleanup_with(decoder_free_at) Decoder *d = make(in);
    Compression c;

    TRY(feed_look(&d->feed, COMPRESSION_MAGIC, err));
    c = compression_sniff(d->feed.p, d->feed.n);
    set_format(d, c);
    if (ret_c)
        *ret_c = c;
    *ret = steal_ptr(&d);
    return 0;
}

Reader *decoder_reader(Decoder *d)
{
    return &d->r;
}

void decoder_free(Decoder *d)
{
    if (!d)
        return;
    if (d->format)
        d->format->free(d->state);
    free(d->block);
    free(d);
}
