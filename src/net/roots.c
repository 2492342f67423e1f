/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roots, parsed when a chain asks for them.
 *
 * The usual bundle holds 150 certificates, and OpenSSL 3 needs 50 ms of processor time to parse them: more
 * than all the rest of a build that finds everything in its cache. A chain asks for one or two, a
 * registry on plain http for none. So the text is kept as it is; when the first server has shown its
 * certificates, the subjects' names are read out of it, which costs 3 ms, and whatever bears the name
 * of an issuer is parsed into the store, where OpenSSL then finds it.
 *
 * libcurl is not asked to do it: given the same text it would parse all of it for every connection.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "net/internal.h"

/* One certificate of the text. */
typedef struct Anchor {
    Str pem;
    X509_NAME *subject;
    bool in_store;
} Anchor;

struct RootSet {
    Str pem; /* borrowed */
    X509_STORE *store;
    pthread_mutex_t lock; /* what follows */
    bool indexed;
    VEC(Anchor) anchors;
};

static const char pem_begin[] = "-----BEGIN CERTIFICATE-----",
                  pem_end[] = "-----END CERTIFICATE-----";

bool pem_next_certificate(Str *rest, Str *ret)
{
    const char *from = rest->n ? memmem(rest->p, rest->n, pem_begin, sizeof(pem_begin) - 1) : NULL;
    const char *to =
        from ? memmem(from, rest->n - (size_t)(from - rest->p), pem_end, sizeof(pem_end) - 1)
             : NULL;

    if (!to)
        return false;
    to += sizeof(pem_end) - 1;
    *ret = (Str){from, (size_t)(to - from)};
    *rest = str_skip(*rest, (size_t)(to - rest->p));
    return true;
}

static X509 *parse(Str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n); /* NET_PEM_MAX fits */
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    return x;
}

bool roots_any_readable(Str pem)
{
    Str one;

    while (pem_next_certificate(&pem, &one)) {
        X509 *x = parse(one);

        X509_free(x);
        if (x)
            return true;
    }
    return false;
}

/* ---- the index */

/* The DER bytes of a PEM block; -1 when it is no plain base64. 'out' has room for 3/4 of the text. */
static int decode(Str pem, unsigned char *out)
{
    EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
    const unsigned char *text = (const unsigned char *)pem.p + sizeof(pem_begin) - 1;
    int text_n = (int)(pem.n - (sizeof(pem_begin) - 1) - (sizeof(pem_end) - 1));
    int n = 0, last = 0, r;

    if (!ctx)
        abort(); /* out of memory */
    EVP_DecodeInit(ctx);
    r = EVP_DecodeUpdate(ctx, out, &n, text, text_n);
    if (r >= 0)
        r = EVP_DecodeFinal(ctx, out + n, &last);
    EVP_ENCODE_CTX_free(ctx);
    return r < 0 ? -1 : n + last;
}

/* Past the head of the element at *p, which must be of that tag; false when it is not. */
static bool enter(const unsigned char **p, const unsigned char *end, int tag, long *ret_n)
{
    int is, class;

    return !(ASN1_get_object(p, ret_n, &is, &class, end - *p) & 0x80) && is == tag &&
           class == V_ASN1_UNIVERSAL;
}

static bool skip(const unsigned char **p, const unsigned char *end, int tag)
{
    long n;

    if (!enter(p, end, tag, &n))
        return false;
    *p += n;
    return true;
}

/* Certificate { tbs { [0] version, serial, algorithm, issuer, validity, subject, ... */
static X509_NAME *subject_in(const unsigned char *p, int n)
{
    static const int before[] = {V_ASN1_INTEGER, V_ASN1_SEQUENCE, V_ASN1_SEQUENCE, V_ASN1_SEQUENCE};
    const unsigned char *end = p + n;
    int tag, class;
    long inner;

    for (int depth = 0; depth < 2; depth++)
        if (!enter(&p, end, V_ASN1_SEQUENCE, &inner))
            return NULL;
    if (p < end && *p == (V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED)) {
        if (ASN1_get_object(&p, &inner, &tag, &class, end - p) & 0x80)
            return NULL;
        p += inner;
    }
    for (size_t i = 0; i < ARRAY_LEN(before); i++)
        if (!skip(&p, end, before[i]))
            return NULL;
    return d2i_X509_NAME(NULL, &p, end - p);
}

/* By the short way, and where that does not understand what is there, by the long one. */
static X509_NAME *subject_of(Str pem)
{
    cleanup_free unsigned char *der = xalloc(pem.n, 1);
    int n = decode(pem, der);
    X509_NAME *name = n > 0 ? subject_in(der, n) : NULL;

    if (!name) {
        X509 *x = parse(pem);

        name = x ? X509_NAME_dup(X509_get_subject_name(x)) : NULL;
        X509_free(x);
    }
    return name;
}

/* A certificate that OpenSSL cannot read is passed over, as Go does: it can vouch for nobody. */
static void index_locked(RootSet *s)
{
    Str rest = s->pem, one;

    if (s->indexed)
        return;
    s->indexed = true;
    while (pem_next_certificate(&rest, &one)) {
        X509_NAME *name = subject_of(one);

        if (name)
            vec_push(&s->anchors, ((Anchor){.pem = one, .subject = name}));
    }
    ERR_clear_error();
}

/* ---- the store */

/* Put into the store what bears that name, and what bears the name of its issuer in turn. */
static void want_locked(RootSet *s, const X509_NAME *name)
{
    vec_foreach(a, &s->anchors) {
        X509 *x;

        if (a->in_store || X509_NAME_cmp(a->subject, name) != 0)
            continue;
        a->in_store = true;
        x = parse(a->pem);
        if (!x)
            continue;
        (void)X509_STORE_add_cert(s->store, x);
        want_locked(s, X509_get_issuer_name(x));
        X509_free(x);
    }
}

static void want(RootSet *s, X509 *x)
{
    want_locked(s, X509_get_subject_name(x));
    want_locked(s, X509_get_issuer_name(x));
}

/*
 * OpenSSL's way to ask whether it trusts the server: first see that all that it may need is there. Why
 * it does not is in 'chain'; what it met on the way (a signature that is not of this root) would be
 * taken for the reason by libcurl, which reads the first error in the queue.
 */
static int verify(X509_STORE_CTX *chain, void *arg)
{
    RootSet *s = arg;
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(chain);
    int r;

    (void)pthread_mutex_lock(&s->lock);
    index_locked(s);
    want(s, X509_STORE_CTX_get0_cert(chain));
    for (int i = 0; i < sk_X509_num(sent); i++)
        want(s, sk_X509_value(sent, i));
    (void)pthread_mutex_unlock(&s->lock);
    r = X509_verify_cert(chain);
    ERR_clear_error();
    return r;
}

void roots_use(RootSet *s, void *ssl_ctx)
{
    SSL_CTX_set1_cert_store(ssl_ctx, s->store);
    SSL_CTX_set_cert_verify_callback(ssl_ctx, verify, s);
}

/* Every certificate in it is an anchor, be it a root or not. */
RootSet *roots_new(Str pem)
{
    RootSet *s = NEW(RootSet);

    s->pem = pem;
    s->store = X509_STORE_new();
    if (!s->store)
        abort(); /* out of memory */
    (void)X509_STORE_set_flags(s->store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    (void)pthread_mutex_init(&s->lock, NULL);
    return s;
}

void roots_free(RootSet *s)
{
    if (!s)
        return;
    vec_foreach(a, &s->anchors)
        X509_NAME_free(a->subject);
    vec_done(&s->anchors);
    X509_STORE_free(s->store);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}
