/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/internal.h - what the files of net/ share; nobody else includes it.
 *
 *      do.c        http_do: attempts, retries, resumption         uses
 *      exchange.c  one hop: one request, one answer               uses
 *      client.c    the pool of libcurl handles;  answer.c  headers
 *      tls.c       where roots and certificates come from;  roots.c  whom they vouch for
 */
#pragma once

#include <curl/curl.h>
#include <pthread.h>

#include "net/http.h"

#define NET_PEM_MAX ((size_t)16 << 20) /* bytes of roots, or of one certificate or key file */

/* What a hurried call has time for; see also http_hurry_ends(). */
enum {
    HURRIED_PAUSE_MS = 500,
    HURRIED_STALL_MS = 5000,
};

/* When a call is hurried. */
typedef struct Haste {
    const atomic_bool *hurry; /* NULL: nobody says so */
    int64_t from_ms;          /* by net_now_ms(); 0: it never is by itself */
} Haste;
bool haste_has_come(const Haste *h);
int haste_pause(const Haste *h, unsigned ms, Err *err) must_check; /* as http_pause() */
/* As http_hurry_ends(). */
bool haste_ends(const Haste *h, unsigned failures, int64_t took_ms);

typedef struct RootSet RootSet;

/* A file of certificates or a key, read from disk once and kept as long as the client. */
typedef struct TlsFile {
    char *path;
    int kind; /* TlsFileKind of tls.c */
    Buf pem;
    RootSet *roots; /* of the certificates in 'pem', when it is a file of roots */
} TlsFile;

/* The default roots, shared by all clients that were made with the same environment. */
typedef struct Roots {
    unsigned users;
    TlsFile file; /* 'path' names the environment */
    Err err;      /* why there are none, or ERR_NONE */
} Roots;

/* One libcurl handle with its own small connection cache. */
typedef struct Handle {
    CURL *curl;
    char *key; /* see client_key() */
} Handle;

struct HttpClient {
    HttpClientOpts opts; /* defaults filled in; user_agent owned */
    CURLSH *share;       /* DNS answers */
    pthread_mutex_t share_locks[CURL_LOCK_DATA_LAST];

    pthread_mutex_t lock; /* what follows */
    VEC(Handle *) idle;   /* least recently used first */
    VEC(TlsFile *) tls_files;

    Roots *roots;
};

/* What a handle is kept for: a host, and the roots that vouched for its connections. */
Str client_key(Arena *a, const HttpRequest *req);
/* A handle last used for the same key, else a new one. Nothing is set in it. Give it back. */
Handle *client_take(HttpClient *c, Str key);
void client_give(HttpClient *c, Handle *h, Str key);

/* The next whole certificate of *rest, which then begins behind it; false when there is none. */
bool pem_next_certificate(Str *rest, Str *ret);
/* Is there a certificate that OpenSSL understands? */
bool roots_any_readable(Str pem);
/* To trust the certificates of a text, which is borrowed. Many threads may use one. */
RootSet *roots_new(Str pem);
void roots_free(RootSet *s);
/* Make an OpenSSL SSL_CTX trust them; the set outlives it. */
void roots_use(RootSet *s, void *ssl_ctx);

/* Find or read the default roots; what cannot be read shows as an error of the first request. */
void tls_load_roots(HttpClient *c);
void tls_files_done(HttpClient *c);
/* 'certificates': may the client certificate be shown to this host? */
int tls_apply(HttpClient *c, CURL *curl, const char *url, const HttpTls *tls, bool certificates,
              Err *err) must_check;

/* Ready for another answer; the body's room stays. */
void answer_clear(HttpAnswer *a);
/* One header line without its line end; false when it is no header. */
bool answer_add_line(HttpAnswer *a, Str line);

/* How a hop ended without an answer, for the retry decision. */
typedef enum Trouble {
    TROUBLE_NONE,
    TROUBLE_BROKEN,  /* reset, truncated, stalled */
    TROUBLE_RESOLVE, /* the name is unknown, perhaps for now */
    TROUBLE_RANGE,   /* the server would not go on where we stopped */
    TROUBLE_FINAL,   /* trying again cannot help */
} Trouble;

/*
 * One request and its answer, redirects not followed. Fields of the first group are set by the
 * caller; exchange_run() fills the rest.
 */
typedef struct Exchange {
    HttpClient *client;
    CURL *curl;
    const HttpRequest *req;
    const char *url, *method;
    bool with_secrets;              /* still the origin first asked */
    const HttpHeaderVec *signature; /* of this attempt; secret */
    bool with_body;
    uint64_t range_from; /* ask for the rest from here; 0 = all */
    Str if_range;        /* strong validator to resume under, or {NULL,0} */
    HttpAnswer *answer;  /* cleared and filled */
    const Haste *haste;

    uint64_t *delivered; /* bytes the sink holds, over all attempts */
    Trouble trouble;     /* when -1 was returned */
    bool nothing_sent;   /* the server cannot have seen the request */

    /* private to exchange.c */
    Err *err;
    bool failed; /* a callback filled *err */
    bool body_cut;
    uint64_t header_bytes, sent, body_at;
    curl_off_t seen_down, seen_up;
    int64_t active_ms;
    char text[CURL_ERROR_SIZE];
} Exchange;

/* 0 = answer filled; -1 = *err and x->trouble. */
int exchange_run(Exchange *x, Err *err) must_check;

int64_t net_now_ms(void);                     /* monotonic */
unsigned retry_after_ms(const HttpAnswer *a); /* 0 = the server did not say */
