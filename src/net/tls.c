/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificates count. The roots are collected as one PEM text in memory when the first client is
 * made, because a build may replace the whole file system under '/' afterwards: what the image ships
 * as /etc/ssl/certs must not decide whom we trust.
 *
 * The text is parsed once, into an OpenSSL store that all clients share. This is the one place
 * that looks behind libcurl: given the same text it would parse it for every connection, which costs
 * a tenth of a second of processor time for the usual 150 roots, against 20 ms once.
 *
 * SSL_CERT_DIR is read as Go reads it (every file with a certificate, whatever it is called), not as
 * OpenSSL does (hashed names only): people mount a ConfigMap there.
 */
#include <dirent.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/map.h"
#include "net/internal.h"
#include "os/file.h"

static char *default_ca; /* set once in main */

void http_set_default_ca(const char *path)
{
    free(default_ca);
    default_ca = path ? xstrdup(path) : NULL;
}

/*
 * Only whole certificates: keys and prose lie in the same files. Each once: a directory like
 * /etc/ssl/certs holds every root three times, and parsing is what costs. Returns how many there were.
 */
static size_t add_certificates(Str pem, Map *seen, Buf *out)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
    size_t n = 0;

    while (pem.n) {
        const char *from = memmem(pem.p, pem.n, begin, sizeof(begin) - 1);
        const char *to =
            from ? memmem(from, pem.n - (size_t)(from - pem.p), end, sizeof(end) - 1) : NULL;

        if (!to)
            break;
        to += sizeof(end) - 1;
        if (!map_set(seen, (Str){from, (size_t)(to - from)}, seen)) {
            buf_append(out, from, (size_t)(to - from));
            buf_add_char(out, '\n');
        }
        pem = str_skip(pem, (size_t)(to - pem.p));
        n++;
    }
    return n;
}

static int add_file(int dirfd, const char *path, Map *seen, Buf *out, size_t *ret_n, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(NET_PEM_MAX);

    TRY(file_read(dirfd, path, &text, err));
    *ret_n = add_certificates(buf_str(&text), seen, out);
    return buf_check(out, "the collection of CA certificates", err);
}

/* A directory that is not there, or a file in it that cannot be read, is none: as Go sees it. */
static void add_dir(const char *dir, Map *seen, Buf *out)
{
    DIR *d = opendir(dir);
    size_t n;
    Err ignored;

    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;

        if (fstatat(dirfd(d), e->d_name, &st, 0) < 0 || !S_ISREG(st.st_mode))
            continue;
        (void)(add_file(dirfd(d), e->d_name, seen, out, &n, &ignored) < 0);
    }
    (void)closedir(d);
}

static const char *system_bundle(void)
{
    static const char *const known[] = {
        "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Alpine, Arch, Gentoo */
        "/etc/pki/tls/certs/ca-bundle.crt",                  /* Fedora */
        "/etc/ssl/ca-bundle.pem",                            /* openSUSE */
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* RHEL */
        "/etc/ssl/cert.pem",                                 /* Alpine without ca-certificates */
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (access(known[i], R_OK) == 0)
            return known[i];
    return NULL;
}

static int load_bundle(Map *seen, Buf *out, Err *err)
{
    const char *from_env = getenv("SSL_CERT_FILE");
    const char *path = from_env && *from_env ? from_env : NULL;
    size_t n = 0;

    if (!path && default_ca && access(default_ca, R_OK) == 0)
        path = default_ca;
    if (!path)
        path = system_bundle();
    if (!path)
        return 0;
    if (add_file(AT_FDCWD, path, seen, out, &n, err) < 0)
        return err_wrap(err, "CA certificates %s", path);
    if (n == 0)
        return err_set(err, ERR_FORMAT, "CA certificates %s: no PEM certificate in it", path);
    return 0;
}

static void read_roots(Roots *r, const char *dirs)
{
    Str rest = str_from(dirs), dir;
    cleanup_map Map seen = {0};

    r->file.pem = (Buf)BUF_INIT(NET_PEM_MAX);
    if (load_bundle(&seen, &r->file.pem, &r->err) < 0)
        return;
    while (str_next(&rest, ':', &dir)) {
        cleanup_free char *z = str_dup(dir);

        add_dir(z, &seen, &r->file.pem);
    }
}

/* Where roots come from, as one text: other variables are other roots. */
static char *roots_named(const char *file, const char *dirs)
{
    cleanup_arena Arena a = ARENA_INIT;

    return str_dup(str_fmt_in(&a, "%s\n%s\n%s", file ? file : "", dirs ? dirs : "",
                              default_ca ? default_ca : ""));
}

static void tls_file_done(TlsFile *f)
{
    free_at(&f->path);
    buf_done(&f->pem);
    X509_STORE_free(f->store);
    f->store = NULL;
}

/*
 * A process has many clients, and /etc/ssl/certs some hundreds of files: the roots are read for the
 * first client and kept for the others. 'roots_lock' guards 'latest' and every 'users'.
 */
static pthread_mutex_t roots_lock = PTHREAD_MUTEX_INITIALIZER;
static Roots *latest;

static void drop_roots(Roots *r) /* the lock is held */
{
    if (!r || --r->users > 0)
        return;
    tls_file_done(&r->file);
    free(r);
}

void tls_load_roots(HttpClient *c)
{
    const char *dirs = getenv("SSL_CERT_DIR");
    cleanup_free char *name = roots_named(getenv("SSL_CERT_FILE"), dirs);

    (void)pthread_mutex_lock(&roots_lock);
    if (!latest || latest->err.kind != ERR_NONE || strcmp(latest->file.path, name) != 0) {
        drop_roots(latest);
        latest = NEW(Roots);
        latest->users = 1;
        latest->file.path = steal_ptr(&name);
        read_roots(latest, dirs);
    }
    latest->users++;
    c->roots = latest;
    (void)pthread_mutex_unlock(&roots_lock);
}

void tls_files_done(HttpClient *c)
{
    vec_foreach(f, &c->tls_files) {
        tls_file_done(*f);
        free(*f);
    }
    vec_done(&c->tls_files);
    (void)pthread_mutex_lock(&roots_lock);
    drop_roots(c->roots);
    (void)pthread_mutex_unlock(&roots_lock);
}

/* A certificate that OpenSSL cannot read is passed over, as Go does: it can vouch for nobody. */
static size_t add_to_store(X509_STORE *store, Str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n); /* NET_PEM_MAX fits */
    size_t n = 0;

    while (bio && !BIO_eof(bio)) {
        X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        n += x && X509_STORE_add_cert(store, x) == 1;
        X509_free(x);
    }
    BIO_free(bio);
    ERR_clear_error();
    return n;
}

/* Every certificate in it is an anchor, be it a root or not. */
static X509_STORE *store_new(void)
{
    X509_STORE *store = X509_STORE_new();

    if (!store)
        abort(); /* out of memory */
    (void)X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    return store;
}

typedef enum TlsFileKind {
    TLS_EXTRA_ROOTS,
    TLS_AS_IS
} TlsFileKind;

static int read_tls_file(const HttpClient *c, TlsFileKind kind, const char *path, TlsFile *f,
                         Err *err)
{
    cleanup_buf Buf extra = BUF_INIT(NET_PEM_MAX);
    cleanup_map Map seen = {0};
    size_t n = 0;

    f->pem = (Buf)BUF_INIT(NET_PEM_MAX);
    if (kind == TLS_AS_IS)
        return file_read(AT_FDCWD, path, &f->pem, err);
    TRY(add_file(AT_FDCWD, path, &seen, &extra, &n, err));
    f->store = store_new();
    if (add_to_store(f->store, buf_str(&extra)) == 0)
        return err_set(err, ERR_FORMAT, "no PEM certificate in it");
    (void)add_to_store(f->store, buf_str(&c->roots->file.pem));
    return 0;
}

/* The file of the cache, or NULL; c->lock is held. */
static TlsFile *cached_file(const HttpClient *c, TlsFileKind kind, const char *path)
{
    vec_foreach(it, &c->tls_files)
        if (strcmp((*it)->path, path) == 0 && (*it)->kind == (int)kind)
            return *it;
    return NULL;
}

static int add_tls_file(HttpClient *c, TlsFileKind kind, const char *path, TlsFile **ret, Err *err)
{
    TlsFile *f = NEW(TlsFile);

    if (read_tls_file(c, kind, path, f, err) < 0) {
        tls_file_done(f);
        free(f);
        return -1;
    }
    f->path = xstrdup(path);
    f->kind = (int)kind;
    vec_push(&c->tls_files, f);
    *ret = f;
    return 0;
}

/* The file from memory, read at the first call; lives as long as the client. */
static int tls_file(HttpClient *c, TlsFileKind kind, const char *path, const TlsFile **ret,
                    Err *err)
{
    TlsFile *f;
    int r = 0;

    (void)pthread_mutex_lock(&c->lock);
    f = cached_file(c, kind, path);
    if (!f)
        r = add_tls_file(c, kind, path, &f, err);
    (void)pthread_mutex_unlock(&c->lock);
    if (r < 0)
        return err_wrap(err, "certificate file %s", path);
    *ret = f;
    return 0;
}

/* libcurl keeps its own copy for the life of a connection, so lending ours is enough. */
static void set_blob(CURL *curl, CURLoption option, const Buf *pem)
{
    struct curl_blob blob = {.data = pem->p, .len = pem->n, .flags = CURL_BLOB_NOCOPY};

    (void)curl_easy_setopt(curl, option, &blob);
}

static CURLcode use_store(CURL *curl, void *ssl_ctx, void *store)
{
    (void)curl;
    SSL_CTX_set1_cert_store(ssl_ctx, store);
    return CURLE_OK;
}

/* The default roots, parsed when they are first needed. */
static int default_roots(const HttpClient *c, const TlsFile **ret, Err *err)
{
    Roots *r = c->roots;

    if (r->err.kind != ERR_NONE) {
        *err = r->err;
        return -1;
    }
    (void)pthread_mutex_lock(&roots_lock);
    if (!r->file.store) {
        r->file.store = store_new();
        (void)add_to_store(r->file.store, buf_str(&r->file.pem));
    }
    (void)pthread_mutex_unlock(&roots_lock);
    *ret = &r->file;
    return 0;
}

/* libcurl's own roots off, ours in. Which they are is part of the handle's key (client.c): libcurl
   does not know, and must not reuse a connection that other roots vouched for. */
static int apply_roots(HttpClient *c, CURL *curl, const HttpTls *tls, Err *err)
{
    const TlsFile *roots;

    if (tls && tls->ca_file)
        TRY(tls_file(c, TLS_EXTRA_ROOTS, tls->ca_file, &roots, err));
    else
        TRY(default_roots(c, &roots, err));
    (void)curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, use_store);
    (void)curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, roots->store);
    return 0;
}

int tls_apply(HttpClient *c, CURL *curl, const char *url, const HttpTls *tls, bool certificates,
              Err *err)
{
    const TlsFile *cert, *key;

    if (!url_is_https(str_from(url)))
        return 0;
    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    (void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    if (tls && tls->skip_verify) {
        (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    } else {
        TRY(apply_roots(c, curl, tls, err));
    }
    if (!tls || !tls->client_cert || !certificates)
        return 0;
    TRY(tls_file(c, TLS_AS_IS, tls->client_cert, &cert, err));
    TRY(tls_file(c, TLS_AS_IS, tls->client_key ? tls->client_key : tls->client_cert, &key, err));
    set_blob(curl, CURLOPT_SSLCERT_BLOB, &cert->pem);
    set_blob(curl, CURLOPT_SSLKEY_BLOB, &key->pem);
    return 0;
}

int http_load_tls(HttpClient *c, const HttpTls *tls, Err *err)
{
    const TlsFile *ignored;

    if (tls->ca_file)
        TRY(tls_file(c, TLS_EXTRA_ROOTS, tls->ca_file, &ignored, err));
    if (tls->client_cert)
        TRY(tls_file(c, TLS_AS_IS, tls->client_cert, &ignored, err));
    if (tls->client_key)
        TRY(tls_file(c, TLS_AS_IS, tls->client_key, &ignored, err));
    return 0;
}
