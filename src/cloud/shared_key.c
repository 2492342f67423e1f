/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/shared_key.h"

#include <stdlib.h>

#include "base/vec.h"
#include "codec/base64.h"
#include "codec/hmac.h"

static Str header(const SharedKey *k, const char *name)
{
    for (size_t i = 0; i < k->n_headers; i++)
        if (str_eq_nocase(k->headers[i].name, str_from(name)))
            return k->headers[i].value;
    return S("");
}

static int compare(const void *a, const void *b)
{
    return str_cmp(((const KeyValue *)a)->key, ((const KeyValue *)b)->key);
}

static void add_ms_headers(Buf *out, const SharedKey *k, Arena *a)
{
    KeyValueVec v = {0};

    for (size_t i = 0; i < k->n_headers; i++) {
        KeyValue kv = {str_lower_in(a, k->headers[i].name), str_trim(k->headers[i].value)};

        if (str_starts(kv.key, S("x-ms-")))
            vec_push(&v, kv);
    }
    if (v.n)
        qsort(v.v, v.n, sizeof(*v.v), compare);
    vec_foreach(kv, &v)
        buf_addf(out, STR_FMT ":" STR_FMT "\n", STR_ARG(kv->key), STR_ARG(kv->value));
    vec_done(&v);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Parameters are signed without their percent signs, the path with them. */
static Str unescaped(Str s, Arena *a)
{
    char *z = arena_new_n(a, char, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%' && i + 2 < s.n && hex_digit(s.p[i + 1]) >= 0 &&
            hex_digit(s.p[i + 2]) >= 0) {
            z[n++] = (char)(hex_digit(s.p[i + 1]) * 16 + hex_digit(s.p[i + 2]));
            i += 2;
        } else {
            z[n++] = s.p[i];
        }
    }
    return (Str){z, n};
}

static void add_query(Buf *out, Str query, Arena *a)
{
    KeyValueVec v = {0};

    for (Str rest = query, one; query.n && str_next(&rest, '&', &one);) {
        KeyValue kv = {one, S("")};

        (void)str_cut(one, '=', &kv.key, &kv.value);
        kv.key = str_lower_in(a, unescaped(kv.key, a));
        kv.value = unescaped(kv.value, a);
        vec_push(&v, kv);
    }
    if (v.n)
        qsort(v.v, v.n, sizeof(*v.v), compare);
    vec_foreach(kv, &v)
        buf_addf(out, "\n" STR_FMT ":" STR_FMT, STR_ARG(kv->key), STR_ARG(kv->value));
    vec_done(&v);
}

/* "/ACCOUNT/PATH", then each parameter on a line. */
static void add_resource(Buf *out, const SharedKey *k, Arena *a)
{
    Str host = url_host(k->url), rest = str_skip(host, host.n), path, query = S("");

    rest.n = (size_t)(k->url.p + k->url.n - rest.p);
    path = rest;
    (void)str_cut(rest, '?', &path, &query);
    buf_addf(out, "/" STR_FMT STR_FMT, STR_ARG(k->account), STR_ARG(path));
    add_query(out, query, a);
}

Str shared_key_text(const SharedKey *k, Arena *a)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Str match = header(k, "If-Match"), range = header(k, "Range");

    /* GET; encoding, language, length, MD5, type, date, If-Modified-Since; If-Match;
       If-None-Match, If-Unmodified-Since; Range */
    buf_addf(&text, "GET\n\n\n\n\n\n\n\n" STR_FMT "\n\n\n" STR_FMT "\n", STR_ARG(match),
             STR_ARG(range));
    add_ms_headers(&text, k, a);
    add_resource(&text, k, a);
    return str_dup_in(a, buf_str(&text));
}

int shared_key_sign(const SharedKey *k, Str key_base64, Arena *a, Str *ret, Err *err)
{
    cleanup_buf Buf key = BUF_INIT(BUF_SMALL), sum64 = BUF_INIT(BUF_SMALL);
    unsigned char sum[SHA256_BYTES];

    if (key_base64.n == 0 || !base64_decode(BASE64_STANDARD, str_trim(key_base64), &key))
        return err_set(err, ERR_FORMAT, "the storage account's key is not base64");
    hmac_sha256(buf_str(&key), shared_key_text(k, a), sum);
    explicit_bzero(key.p, key.n);
    base64_encode(BASE64_STANDARD, (Str){(const char *)sum, sizeof(sum)}, &sum64);
    *ret = str_fmt_in(a, "SharedKey " STR_FMT ":" STR_FMT, STR_ARG(k->account),
                      STR_ARG(buf_str(&sum64)));
    return 0;
}
