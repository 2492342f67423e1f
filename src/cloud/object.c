/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/object.h"

#include <stdlib.h>

#include "cloud/object_kinds.h"
#include "codec/base64.h"

enum {
    BUCKET_MAX = 222,
    KEY_MAX = 1024,
};

static const ObjectKind *const kinds[] = {&object_s3, &object_gcs, &object_azure};

/* --- names --- */

static bool bucket_is_valid(Str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];

        if (!(ch >= 'a' && ch <= 'z') && !(ch >= 'A' && ch <= 'Z') && !(ch >= '0' && ch <= '9') &&
            ch != '-' && ch != '_' && ch != '.')
            return false;
    }
    return s.n > 0 && s.n <= BUCKET_MAX && s.p[0] != '.' && s.p[0] != '-';
}

/* "." and ".." are taken for steps by everybody on the way. */
static bool key_is_valid(Str key)
{
    for (Str rest = key, part; str_next(&rest, '/', &part);)
        if (str_eq(part, S(".")) || str_eq(part, S("..")))
            return false;
    return key.n > 0 && key.n <= KEY_MAX;
}

int object_split(Object *o, Str rest, Err *err)
{
    if (!str_cut(rest, '/', &o->bucket, &o->key)) {
        o->bucket = rest;
        o->key = S("");
    }
    if (o->key.n == 0)
        o->key = S("context.tar.gz");
    if (!bucket_is_valid(o->bucket))
        return err_set(err, ERR_USAGE, "\"" STR_FMT "\" is no name of a bucket",
                       STR_ARG(o->bucket));
    if (!key_is_valid(o->key))
        return err_set(
            err, ERR_USAGE,
            "the name of the object is longer than %d bytes, or has a part \".\" or \"..\"",
            KEY_MAX);
    return 0;
}

void object_add_path(Buf *url, Str key)
{
    for (Str rest = key, part; str_next(&rest, '/', &part);) {
        buf_add_char(url, '/');
        url_escape(part, url);
    }
}

/* --- the object --- */

static const ObjectKind *kind_of(Str scheme)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(scheme, str_from(kinds[i]->scheme)))
            return kinds[i];
    return NULL;
}

int object_open(Cloud *c, const char *spec, Object **ret, Err *err)
{
    cleanup_with(object_free_at) Object *o = NEW(Object);
    Str whole = str_dup_in(&o->arena, str_from(spec));
    const char *sep = strstr(whole.p, "://");

    o->cloud = c;
    o->md5 = md5_new();
    o->name = url_for_people(&o->arena, whole);
    o->region = o->source = S("");
    o->kind = sep ? kind_of(str_head(whole, (size_t)(sep - whole.p))) : NULL;
    if (!o->kind)
        return err_set(err, ERR_USAGE, "%s is in no bucket that is known", spec);
    if (o->kind->open(o, str_from(sep + 3), err) < 0)
        return err_wrap(err, STR_FMT, STR_ARG(o->name));
    *ret = steal_ptr(&o);
    return 0;
}

void object_free(Object *o)
{
    if (!o)
        return;
    md5_free(o->md5);
    arena_done(&o->arena);
    free(o);
}

const char *object_name(const Object *o)
{
    return o->name.p;
}

static int sign(void *ctx, const HttpAttempt *at, Arena *a, HttpHeaderVec *ret, Err *err)
{
    Object *o = ctx;

    TRY(o->kind->sign(o, at, a, ret, err));
    return 0;
}

HttpRequest object_request(Object *o)
{
    return (HttpRequest){.method = "GET",
                         .url = o->url.p,
                         .tls = o->kind == &object_s3 ? &o->cloud->aws.tls : NULL,
                         .sign = sign,
                         .sign_ctx = o};
}

void object_saw(Object *o, const void *p, size_t n)
{
    o->size += n;
    o->crc32c = crc32c_update(o->crc32c, p, n);
    md5_update(o->md5, p, n);
}

/* --- was it right? --- */

static bool same_base64(Str want, const void *p, size_t n)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    base64_encode(BASE64_STANDARD, (Str){p, n}, &text);
    return str_eq(want, buf_str(&text));
}

static bool same_hex(Str want, const unsigned char *p, size_t n)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    for (size_t i = 0; i < n; i++)
        buf_addf(&text, "%02x", p[i]);
    return str_eq_nocase(want, buf_str(&text));
}

static int check_sums(Object *o, const HttpAnswer *answer, Err *err)
{
    ObjectSums want = o->kind->sums(answer);
    unsigned char md5[MD5_BYTES];
    unsigned char crc[4] = {(unsigned char)(o->crc32c >> 24), (unsigned char)(o->crc32c >> 16),
                            (unsigned char)(o->crc32c >> 8), (unsigned char)o->crc32c};

    md5_final(o->md5, md5);
    if ((want.md5_hex.n && !same_hex(want.md5_hex, md5, sizeof(md5))) ||
        (want.md5_base64.n && !same_base64(want.md5_base64, md5, sizeof(md5))) ||
        (want.crc32c_base64.n && !same_base64(want.crc32c_base64, crc, sizeof(crc))))
        return err_set(err, ERR_DIGEST, "what came (%llu bytes) is not what %s has a checksum of",
                       (unsigned long long)o->size, o->kind->service);
    return 0;
}

/* --- why not? --- */

static const char *who_asked(const Object *o, Arena *a)
{
    if (o->plain)
        return "";
    if (o->anonymous)
        return ", asked without credentials (none were found)";
    return str_fmt_in(a, ", asked with credentials from " STR_FMT, STR_ARG(o->source)).p;
}

static int refused(Object *o, const HttpAnswer *answer, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str words = answer_words(answer, &a);
    bool again = false;
    const char *remedy = o->kind->remedy(o, answer, &a, &again), *clock = answer_clock(answer, &a);
    ErrKind kind = answer->status == 404                            ? ERR_NOT_FOUND
                   : answer->status == 401 || answer->status == 403 ? ERR_AUTH
                                                                    : ERR_HTTP;

    if (again)
        return 1;
    if (answer->status == 412)
        return err_set(err, ERR_FORMAT, "it was replaced while it was downloaded");
    if (*clock)
        remedy = clock;
    (void)err_set(err, kind, "%s answers HTTP %d%s" STR_FMT "%s%s%s", o->kind->service,
                  answer->status, words.n ? ": " : "", STR_ARG(words),
                  kind == ERR_AUTH ? who_asked(o, &a) : "", *remedy ? "; " : "", remedy);
    err->http_status = answer->status;
    return -1;
}

int object_conclude(Object *o, const HttpAnswer *answer, Err *err)
{
    if (answer->status == 200 || answer->status == 206)
        return check_sums(o, answer, err);
    return refused(o, answer, err);
}
