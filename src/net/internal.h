/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/internal.h - what the files of net/ share; nobody else includes it.
 *
 *      do.c        http_do: attempts, retries, resumption         uses
 *      exchange.c  one hop: one request, one answer               uses
 *      client.c    the pool of libcurl handles;  tls.c  roots and certificates;  answer.c  headers
 */
#pragma once

#include <curl/curl.h>
#include <pthread.h>

#include "net/http.h"

#define NET_PEM_MAX ((size_t)16 << 20) /* bytes of roots, or of one certificate or key file */

/* A file of certificates or a key, read from disk once and kept as long as the client. */
typedef struct TlsFile {
    char *path;
    int kind; /* TlsFileKind of tls.c */
    Buf pem;
    struct x509_store_st *store; /* OpenSSL's X509_STORE: the roots to trust, ready for use */
} TlsFile;

/* The default roots, shared by all clients that were made with the same environment. */
typedef struct Roots {
    unsigned users;
    TlsFile file; /* 'path' names the environment; parsed when first needed */
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
