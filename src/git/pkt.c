/* SPDX-License-Identifier: Apache-2.0 */
#include "git/pkt.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

enum {
    LENGTH = 4 /* digits */
};

void pkt_init(PktReader *p, Reader *in)
{
    p->in = in;
    p->data = (Str){0};
}

static int hex(const char *p, size_t *ret)
{
    size_t v = 0;

    for (int i = 0; i < LENGTH; i++) {
        char c = p[i];

        if (c >= '0' && c <= '9')
            v = v * 16 + (size_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v * 16 + (size_t)(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F')
            v = v * 16 + (size_t)(c - 'A') + 10;
        else
            return -1;
    }
    *ret = v;
    return 0;
}

/* What another server says to us, on one line and of printable characters. */
static int say(Str text, Err *err)
{
    cleanup_buf Buf line = BUF_INIT(BUF_SMALL);

    for (size_t i = 0; i < text.n && i < 300; i++)
        buf_add_char(&line, text.p[i] >= ' ' && text.p[i] < 127 ? text.p[i] : ' ');
    return err_set(err, ERR_HTTP, "the server says: " STR_FMT, STR_ARG(str_trim(buf_str(&line))));
}

int pkt_next(PktReader *p, PktKind *ret, Err *err)
{
    static const PktKind special[] = {PKT_FLUSH, PKT_DELIM, PKT_END};
    size_t n, got;

    TRY(reader_read_full(p->in, p->block, LENGTH, &got, err));
    p->data = (Str){p->block, 0};
    if (got == 0) {
        *ret = PKT_EOF;
        return 0;
    }
    if (got < LENGTH)
        return err_set(err, ERR_NET, "the server ended in the middle of a packet");
    if (hex(p->block, &n) < 0)
        return err_set(err, ERR_FORMAT, "this is no git server: it does not speak in packets");
    if (n < ARRAY_LEN(special)) {
        *ret = special[n];
        return 0;
    }
    if (n < LENGTH || n > PKT_MAX)
        return err_set(err, ERR_FORMAT, "the server sent a packet of %zu bytes", n);
    TRY(reader_read_full(p->in, p->block, n - LENGTH, &got, err));
    if (got < n - LENGTH)
        return err_set(err, ERR_NET, "the server ended in the middle of a packet");
    p->data.n = got;
    *ret = PKT_DATA;
    return str_starts(p->data, S("ERR ")) ? say(str_skip(p->data, 4), err) : 0;
}

int pkt_line(PktReader *p, PktKind *ret, Err *err)
{
    TRY(pkt_next(p, ret, err));
    if (str_ends(p->data, S("\n")))
        p->data.n--;
    return 0;
}

static int next_band(BandReader *b, Err *err)
{
    PktKind kind;
    Str data;

    TRY(pkt_next(b->from, &kind, err));
    if (kind == PKT_EOF)
        return err_set(err, ERR_NET, "the server ended in the middle of a pack");
    if (kind != PKT_DATA) {
        b->ended = true;
        return 0;
    }
    data = b->from->data;
    if (data.n == 0)
        return err_set(err, ERR_FORMAT, "the server sent an empty packet");
    if (data.p[0] == 1)
        b->left = str_skip(data, 1);
    else if (data.p[0] == 3)
        return say(str_skip(data, 1), err);
    else if (data.p[0] == 2)
        log_debug("remote: " STR_FMT, STR_ARG(str_trim(str_skip(data, 1))));
    else
        return err_set(err, ERR_FORMAT, "the server sent a packet in band %d", data.p[0]);
    return 0;
}

static ssize_t read_band(Reader *self, void *buf, size_t n, Err *err)
{
    BandReader *b = (BandReader *)self;

    while (b->left.n == 0 && !b->ended)
        TRY(next_band(b, err));
    if (n > b->left.n)
        n = b->left.n;
    memcpy(buf, b->left.p, n);
    b->left = str_skip(b->left, n);
    return (ssize_t)n;
}

BandReader band_reader(PktReader *from)
{
    return (BandReader){.r = {read_band}, .from = from, .left = S("")};
}

void pkt_add(Buf *out, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n >= 0)
        buf_addf(out, "%04x%s", (unsigned)n + LENGTH, text);
    free(text);
}

void pkt_add_flush(Buf *out)
{
    buf_add_z(out, "0000");
}

void pkt_add_delim(Buf *out)
{
    buf_add_z(out, "0001");
}
