/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream cannot take back what it has handed on. When a server cannot go on where a transfer
 * broke, the file comes again from its beginning: as many bytes as were handed on are then left
 * out, and must have the hash that those had.
 */
#include "base/limits.h"
#include "codec/sha256.h"
#include "context/kinds.h"

typedef struct Stream {
    HttpSink sink; /* first: http_do() drives it */
    const HttpBringer *by;
    Writer *to;
    Sha256 *seen; /* of what was handed on */
    uint64_t delivered;
    uint64_t repeated; /* bytes still to be left out */
    Sha256 *again;     /* of what was left out; NULL = nothing is */
} Stream;

static int stream_begin(HttpSink *self, int status, uint64_t resume_at, Err *err)
{
    Stream *s = (Stream *)self;

    (void)status;
    sha256_free(steal_ptr(&s->again));
    s->repeated = 0;
    if (resume_at == 0 && s->delivered > 0) {
        s->repeated = s->delivered;
        s->again = sha256_new();
    } else if (resume_at != s->delivered) {
        return err_set(err, ERR_NET, "the transfer goes on at another place");
    }
    return 0;
}

static int compare(Stream *s, Err *err)
{
    cleanup_with(sha256_free_at) Sha256 *copy = sha256_copy(s->seen);
    unsigned char was[SHA256_BYTES], is[SHA256_BYTES];

    sha256_final(copy, was);
    sha256_final(s->again, is);
    sha256_free(steal_ptr(&s->again));
    if (memcmp(was, is, sizeof(was)) != 0)
        return err_set(err, ERR_FORMAT, "the file changed on the server while it was downloaded");
    return 0;
}

static int stream_write(Writer *self, const void *p, size_t n, Err *err)
{
    Stream *s = (Stream *)self;
    const char *from = p;

    if (s->again) {
        size_t k = n < s->repeated ? n : (size_t)s->repeated;

        sha256_update(s->again, from, k);
        s->repeated -= k;
        from += k;
        n -= k;
        if (s->repeated == 0)
            TRY(compare(s, err));
    }
    if (n == 0)
        return 0;
    sha256_update(s->seen, from, n);
    s->delivered += n;
    if (s->by->progress)
        s->by->progress(s->by->name, s->delivered, s->sink.expected);
    return writer_write(s->to, from, n, err);
}

int http_bring(const HttpBringer *b, const HttpRequest *req, Writer *to, HttpAnswer *ret, Err *err)
{
    HttpRequest r = *req;
    Stream s = {.sink = {.w = {stream_write}, .begin = stream_begin}, .by = b, .to = to};
    bool cut;
    int rc;

    s.seen = sha256_new();
    r.sink = &s.sink;
    r.resume = r.resume_if_same = true;
    rc = http_do(b->http, &r, ret, err);
    cut = s.again != NULL;
    sha256_free(s.again);
    sha256_free(s.seen);
    if (rc == 0 && b->progress && s.delivered)
        b->progress(b->name, s.delivered, s.delivered);
    if (rc == 0 && cut) {
        http_answer_done(ret);
        return err_set(err, ERR_FORMAT, "the file became shorter on the server meanwhile");
    }
    return rc;
}

int http_fail(const char *url, const HttpAnswer *a, Err *err)
{
    cleanup_arena Arena names = ARENA_INIT;
    Str where = url_for_people(&names, str_from(url));
    ErrKind kind = ERR_HTTP;
    const char *why = "";

    if (a->status == 404 || a->status == 410) {
        why = " (no such file there)";
    } else if (a->status == 401 || a->status == 403) {
        kind = ERR_AUTH;
        why = " (it is not for everybody: the address needs credentials, or is a signed one that "
              "has expired)";
    }
    (void)err_set(err, kind, "GET " STR_FMT ": the server answers with status %d%s", STR_ARG(where),
                  a->status, why);
    err->http_status = a->status;
    return -1;
}
