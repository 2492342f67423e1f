/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificates count. The roots are collected as one PEM text in memory when the first client is
 * made, because a build may replace the whole file system under '/' afterwards: what the image ships
 * as /etc/ssl/certs must not decide whom we trust.
 *
 * What is parsed of it, and when, is the business of roots.c.
 *
 * SSL_CERT_DIR is read as Go reads it (every file with a certificate, whatever it is called), not as
 * OpenSSL does (hashed names only): people mount a ConfigMap there.
 */
#include <dirent.h>
#include <fcntl.h>
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
 * /etc/ssl/certs holds every root three times. Returns how many there were.
 */
static size_t add_certificates(Str pem, Map *seen, Buf *out)
{
    size_t n = 0;
    Str one;

    while (pem_next_certificate(&pem, &one)) {
        if (!map_set(seen, one, seen)) {
            buf_append(out, one.p, one.n);
            buf_add_char(out, '\n');
        }
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
    roots_free(f->roots);
    f->roots = NULL;
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
        latest->file.roots = roots_new(buf_str(&latest->file.pem));
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

typedef enum TlsFileKind {
    TLS_EXTRA_ROOTS,
    TLS_AS_IS
} TlsFileKind;

static int read_tls_file(const HttpClient *c, TlsFileKind kind, const char *path, TlsFile *f,
                         Err *err)
{
    cleanup_map Map seen = {0};
    size_t n = 0;

    f->pem = (Buf)BUF_INIT(NET_PEM_MAX);
    if (kind == TLS_AS_IS)
        return file_read(AT_FDCWD, path, &f->pem, err);
    TRY(add_file(AT_FDCWD, path, &seen, &f->pem, &n, err));
    if (!roots_any_readable(buf_str(&f->pem)))
        return err_set(err, ERR_FORMAT, "no PEM certificate in it");
    (void)add_certificates(buf_str(&c->roots->file.pem), &seen, &f->pem);
    TRY(buf_check(&f->pem, "the collection of CA certificates", err));
    f->roots = roots_new(buf_str(&f->pem));
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

static CURLcode use_roots(CURL *curl, void *ssl_ctx, void *roots)
{
    (void)curl;
    roots_use(roots, ssl_ctx);
    return CURLE_OK;
}

static int default_roots(const HttpClient *c, const TlsFile **ret, Err *err)
{
    if (c->roots->err.kind != ERR_NONE) {
        *err = c->roots->err;
        return -1;
    }
    *ret = &c->roots->file;
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
    (void)curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, use_roots);
    (void)curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, roots->roots);
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
