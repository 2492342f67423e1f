/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificates count. The roots are collected as one PEM text in memory when the client is
 * made, because a build may replace the whole file system under '/' afterwards: what the image ships
 * as /etc/ssl/certs must not decide whom we trust.
 *
 * SSL_CERT_DIR is read as Go reads it (every file with a certificate, whatever it is called), not as
 * OpenSSL does (hashed names only): people mount a ConfigMap there.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "net/internal.h"
#include "os/file.h"

static char *default_ca; /* set once in main */

void http_set_default_ca(const char *path)
{
    free(default_ca);
    default_ca = path ? xstrdup(path) : NULL;
}

/* Only whole certificates: keys and prose that lie in the same files would fail the whole lot. */
static size_t add_certificates(Str pem, Buf *out)
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
        buf_append(out, from, (size_t)(to - from));
        buf_add_char(out, '\n');
        pem = str_skip(pem, (size_t)(to - pem.p));
        n++;
    }
    return n;
}

static int add_file(int dirfd, const char *path, Buf *out, size_t *ret_n, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(NET_PEM_MAX);

    TRY(file_read(dirfd, path, &text, err));
    *ret_n = add_certificates(buf_str(&text), out);
    return buf_check(out, "the collection of CA certificates", err);
}

/* A directory that is not there, or a file in it that cannot be read, is none: as Go sees it. */
static void add_dir(const char *dir, Buf *out)
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
        (void)(add_file(dirfd(d), e->d_name, out, &n, &ignored) < 0);
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

static int load_bundle(Buf *out, Err *err)
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
    if (add_file(AT_FDCWD, path, out, &n, err) < 0)
        return err_wrap(err, "CA certificates %s", path);
    if (n == 0)
        return err_set(err, ERR_FORMAT, "CA certificates %s: no PEM certificate in it", path);
    return 0;
}

void tls_load_roots(HttpClient *c)
{
    const char *dirs = getenv("SSL_CERT_DIR");
    Str rest = str_from(dirs && *dirs ? dirs : NULL), dir;

    c->roots = (Buf)BUF_INIT(NET_PEM_MAX);
    if (load_bundle(&c->roots, &c->roots_err) < 0)
        return;
    while (str_next(&rest, ':', &dir)) {
        cleanup_free char *z = str_dup(dir);

        add_dir(z, &c->roots);
    }
}

void tls_files_done(HttpClient *c)
{
    vec_foreach(f, &c->tls_files) {
        free((*f)->path);
        buf_done(&(*f)->pem);
        free(*f);
    }
    vec_done(&c->tls_files);
    buf_done(&c->roots);
}

typedef enum TlsFileKind {
    TLS_EXTRA_ROOTS,
    TLS_AS_IS
} TlsFileKind;

static int read_tls_file(const HttpClient *c, TlsFileKind kind, const char *path, TlsFile *f,
                         Err *err)
{
    size_t n = 0;

    f->pem = (Buf)BUF_INIT(2 * NET_PEM_MAX);
    if (kind == TLS_AS_IS) {
        TRY(file_read(AT_FDCWD, path, &f->pem, err));
        return 0;
    }
    buf_add(&f->pem, buf_str(&c->roots));
    TRY(add_file(AT_FDCWD, path, &f->pem, &n, err));
    if (n == 0)
        return err_set(err, ERR_FORMAT, "no PEM certificate in it");
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
        buf_done(&f->pem);
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
static int tls_file(HttpClient *c, TlsFileKind kind, const char *path, const Buf **ret, Err *err)
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
    *ret = &f->pem;
    return 0;
}

/* libcurl keeps its own copy for the life of a connection, so lending ours is enough. */
static void set_blob(CURL *curl, CURLoption option, const Buf *pem)
{
    struct curl_blob blob = {.data = pem->p, .len = pem->n, .flags = CURL_BLOB_NOCOPY};

    (void)curl_easy_setopt(curl, option, &blob);
}

static int apply_roots(HttpClient *c, CURL *curl, const HttpTls *tls, Err *err)
{
    const Buf *roots = &c->roots;

    if (tls && tls->ca_file) {
        TRY(tls_file(c, TLS_EXTRA_ROOTS, tls->ca_file, &roots, err));
    } else if (c->roots_err.kind != ERR_NONE) {
        *err = c->roots_err;
        return -1;
    }
    if (roots->n)
        set_blob(curl, CURLOPT_CAINFO_BLOB, roots);
    return 0;
}

int tls_apply(HttpClient *c, CURL *curl, const HttpTls *tls, bool certificates, Err *err)
{
    const Buf *cert, *key;

    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    /* libcurl's built-in places are read at each connection, from whatever stands in '/' by then */
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
    set_blob(curl, CURLOPT_SSLCERT_BLOB, cert);
    set_blob(curl, CURLOPT_SSLKEY_BLOB, key);
    return 0;
}

int http_load_tls(HttpClient *c, const HttpTls *tls, Err *err)
{
    const Buf *ignored;

    if (tls->ca_file)
        TRY(tls_file(c, TLS_EXTRA_ROOTS, tls->ca_file, &ignored, err));
    if (tls->client_cert)
        TRY(tls_file(c, TLS_AS_IS, tls->client_cert, &ignored, err));
    if (tls->client_key)
        TRY(tls_file(c, TLS_AS_IS, tls->client_key, &ignored, err));
    return 0;
}
