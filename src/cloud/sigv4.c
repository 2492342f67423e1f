/* SPDX-License-Identifier: Apache-2.0 */
/*
 *      canonical request   method, path, query, headers, hash of the body: one text
 *      string to sign      algorithm, date, scope, its hash
 *      key                 HMAC over date, region, service, "aws4_request" in turn
 */
#include "cloud/sigv4.h"

#include <stdlib.h>

#include "cloud/internal.h"
#include "codec/hmac.h"

static Str hash_of(Str s, Arena *a)
{
    unsigned char sum[SHA256_BYTES];
    char hex[SHA256_HEX + 1];

    sha256_of(s.p ? s.p : "", s.n, sum);
    sha256_hex(sum, hex);
    return str_dup_in(a, (Str){hex, SHA256_HEX});
}

/* --- the canonical request --- */

typedef struct UrlParts {
    Str host, path, query;
} UrlParts;

static int take_apart(Str url, UrlParts *ret, Err *err)
{
    Str rest, fragmentless, ignored;

    ret->host = url_host(url);
    if (ret->host.n == 0 || !str_contains(url, S("://")))
        return err_set(err, ERR_FORMAT, "cannot sign a request without a host");
    rest = str_skip(url, (size_t)(ret->host.p - url.p) + ret->host.n);
    if (str_cut(rest, '#', &fragmentless, &ignored))
        rest = fragmentless;
    if (!str_cut(rest, '?', &ret->path, &ret->query)) {
        ret->path = rest;
        ret->query = S("");
    }
    if (ret->path.n == 0)
        ret->path = S("/");
    /* the port is part of the host only when it is not the scheme's own */
    if (url_is_https(url) && str_ends(ret->host, S(":443")))
        ret->host.n -= 4;
    else if (!url_is_https(url) && str_ends(ret->host, S(":80")))
        ret->host.n -= 3;
    return 0;
}

static int compare_text(const void *a, const void *b)
{
    return str_cmp(*(const Str *)a, *(const Str *)b);
}

/* The parameters in the order of their bytes; each has its '='. */
static void add_query(Buf *out, Str query, Arena *a)
{
    StrVec v = {0};

    for (Str rest = query, one; query.n && str_next(&rest, '&', &one);)
        vec_push(&v, str_contains(one, S("=")) ? one : str_fmt_in(a, STR_FMT "=", STR_ARG(one)));
    if (v.n)
        qsort(v.v, v.n, sizeof(*v.v), compare_text);
    vec_foreach(s, &v)
        buf_addf(out, "%s" STR_FMT, s == v.v ? "" : "&", STR_ARG(*s));
    vec_done(&v);
}

/* Services other than S3 want the escaped path escaped once more. */
static void add_path(Buf *out, Str path, bool is_s3)
{
    if (is_s3) {
        buf_add(out, path);
        return;
    }
    for (Str rest = path, part; str_next(&rest, '/', &part);) {
        if (part.p != path.p)
            buf_add_char(out, '/');
        url_escape(part, out);
    }
}

/* Trimmed, and runs of spaces are one. */
static Str folded(Str value, Arena *a)
{
    char *z = arena_new_n(a, char, value.n + 1);
    size_t n = 0;

    value = str_trim(value);
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] != ' ' || (n && z[n - 1] != ' '))
            z[n++] = value.p[i];
    return (Str){z, n};
}

static int compare_headers(const void *a, const void *b)
{
    return str_cmp(((const HttpHeader *)a)->name, ((const HttpHeader *)b)->name);
}

/* "name:value" lines into 'out', and "name;name" into *ret_names. */
static void add_headers(Buf *out, HttpHeaderVec *headers, Arena *a, Str *ret_names)
{
    cleanup_buf Buf names = BUF_INIT(BUF_SMALL);

    vec_foreach(h, headers)
        h->name = str_lower_in(a, h->name);
    qsort(headers->v, headers->n, sizeof(*headers->v), compare_headers);
    vec_foreach(h, headers) {
        buf_addf(out, STR_FMT ":" STR_FMT "\n", STR_ARG(h->name), STR_ARG(folded(h->value, a)));
        buf_addf(&names, "%s" STR_FMT, h == headers->v ? "" : ";", STR_ARG(h->name));
    }
    *ret_names = str_dup_in(a, buf_str(&names));
}

/* --- the signature --- */

static Str bytes(const unsigned char sum[SHA256_BYTES])
{
    return (Str){(const char *)sum, SHA256_BYTES};
}

static Str signature(const SigV4 *with, Str day, Str to_sign, Arena *a)
{
    Str first = str_fmt_in(a, "AWS4" STR_FMT, STR_ARG(with->secret));
    unsigned char k[SHA256_BYTES], next[SHA256_BYTES];
    const Str steps[] = {with->region, with->service, S("aws4_request"), to_sign};
    char hex[SHA256_HEX + 1];

    hmac_sha256(first, day, k);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        hmac_sha256(bytes(k), steps[i], next);
        memcpy(k, next, sizeof(k));
    }
    sha256_hex(k, hex);
    explicit_bzero((char *)(uintptr_t)first.p, first.n);
    return str_dup_in(a, (Str){hex, SHA256_HEX});
}

static Str canonical(const SigV4Request *req, const UrlParts *url, HttpHeaderVec *headers,
                     Str body_hash, Arena *a, Str *ret_names)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    buf_addf(&text, "%s\n", req->method);
    add_path(&text, url->path, req->is_s3);
    buf_add_char(&text, '\n');
    add_query(&text, url->query, a);
    buf_add_char(&text, '\n');
    add_headers(&text, headers, a, ret_names);
    buf_addf(&text, "\n" STR_FMT "\n" STR_FMT, STR_ARG(*ret_names), STR_ARG(body_hash));
    return str_dup_in(a, buf_str(&text));
}

static void authorize(const SigV4 *with, Str date, Str request, Str names, Arena *a,
                      HttpHeaderVec *ret)
{
    Str day = str_head(date, 8);
    Str scope = str_fmt_in(a, STR_FMT "/" STR_FMT "/" STR_FMT "/aws4_request", STR_ARG(day),
                           STR_ARG(with->region), STR_ARG(with->service));
    Str to_sign = str_fmt_in(a, "AWS4-HMAC-SHA256\n" STR_FMT "\n" STR_FMT "\n" STR_FMT,
                             STR_ARG(date), STR_ARG(scope), STR_ARG(hash_of(request, a)));
    HttpHeader h = {S("Authorization"),
                    str_fmt_in(a,
                               "AWS4-HMAC-SHA256 Credential=" STR_FMT "/" STR_FMT
                               ", SignedHeaders=" STR_FMT ", Signature=" STR_FMT,
                               STR_ARG(with->key_id), STR_ARG(scope), STR_ARG(names),
                               STR_ARG(signature(with, day, to_sign, a)))};

    vec_push(ret, h);
}

int sigv4_sign(const SigV4 *with, const SigV4Request *req, Arena *a, HttpHeaderVec *ret, Err *err)
{
    Str date = when_basic(with->at_s, a), body_hash = hash_of(req->body, a), names, request;
    HttpHeaderVec headers = {0};
    UrlParts url;

    TRY(take_apart(req->url, &url, err));
    vec_push(ret, ((HttpHeader){S("X-Amz-Date"), date}));
    if (with->session.n)
        vec_push(ret, ((HttpHeader){S("X-Amz-Security-Token"), with->session}));
    if (req->is_s3)
        vec_push(ret, ((HttpHeader){S("X-Amz-Content-Sha256"), body_hash}));
    vec_push(&headers, ((HttpHeader){S("host"), url.host}));
    vec_foreach(h, ret)
        vec_push(&headers, *h);
    for (size_t i = 0; i < req->n_headers; i++)
        vec_push(&headers, req->headers[i]);
    request = canonical(req, &url, &headers, body_hash, a, &names);
    vec_done(&headers);
    authorize(with, date, request, names, a, ret);
    return 0;
}
