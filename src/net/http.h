/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/http.h - HTTP(S) requests with retries, bounded answers and streamed bodies (libcurl inside).
 *
 * Threads      one HttpClient may be used by many threads at once; every call blocks its own thread. Connections
 *              are kept and reused per host across calls.
 * Stopping     a signal (os/signal.h) ends any call with ERR_CANCELLED.
 * Secrets      header values and URLs are never logged; queries are cut from URLs in messages.
 * Redirects    followed up to LIMIT_REDIRECTS; Authorization and Cookie go only to the host and port first asked, and
 *              never from https to http.
 * Errors       ERR_NET (transport: DNS, connect, TLS, reset, timeout; says which), ERR_HTTP never by itself: a status
 *              is an answer. After the retries are used up the last error or answer is returned.
 */
#pragma once

#include "base/io.h"
#include "base/vec.h"

typedef struct HttpClient HttpClient;

typedef struct HttpTls {
    const char *ca_file;                  /* PEM with extra roots for this request, or NULL */
    const char *client_cert, *client_key; /* PEM paths, or NULL */
    bool skip_verify;
} HttpTls;

typedef struct HttpClientOpts {
    const char *user_agent;     /* NULL = "kiln/VERSION" */
    unsigned retries;           /* further tries after the first; 0 = HTTP_RETRIES */
    unsigned retry_base_ms;     /* first pause; doubled each time with jitter; 0 = 500 */
    unsigned connect_timeout_s; /* 0 = 20 */
    unsigned stall_timeout_s;   /* no byte for so long = ERR_NET; 0 = 60 */
} HttpClientOpts;

#define HTTP_RETRIES 5u

HttpClient *http_client_new(const HttpClientOpts *opts); /* opts may be NULL */
void http_client_free(HttpClient *c);
CLEANUP_DEFINE(HttpClient, http_client_free);

typedef struct HttpHeader {
    Str name, value;
} HttpHeader;

/*
 * Where an answer's body goes. begin() is called once per attempt with the status and headers known, so that a retry
 * can start over or continue; returning -1 ends the call with *err. For range resumption see HttpRequest.resume_at.
 */
typedef struct HttpSink {
    Writer w;
    int (*begin)(struct HttpSink *self, int status, uint64_t resume_at, Err *err);
} HttpSink;

typedef struct HttpRequest {
    const char *method; /* "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" */
    const char *url;
    const HttpHeader *headers;
    size_t n_headers;
    const HttpTls *tls; /* NULL = system defaults */

    /* Body: bytes in memory, or n_body bytes of a descriptor from position 0 (replayed on a retry). */
    Str body;
    int body_fd; /* used when has_body_fd */
    bool has_body_fd;
    uint64_t body_fd_at, body_fd_n;

    HttpSink *sink; /* NULL: the body goes into HttpAnswer.body */
    size_t
        max_body; /* for HttpAnswer.body; 0 = LIMIT_HTTP_ERROR_BODY. With a sink: bounds only bodies of status >= 300 */
    bool
        resume; /* GET with a sink: after a broken transfer go on with a Range request where the server can */
    bool no_retry;         /* one attempt only */
    bool retry_post;       /* this POST/PATCH may be repeated safely */
    uint64_t low_speed_ok; /* reserved, 0 */
} HttpRequest;

typedef struct HttpAnswer {
    int status;
    Buf body; /* answers without sink, and error bodies */
    Arena arena;
    VEC(HttpHeader) headers; /* of the last answer, after redirects; names lower-cased */
    Str final_url;           /* after redirects */
} HttpAnswer;

void http_answer_done(HttpAnswer *a);
#define cleanup_http_answer cleanup_with(http_answer_done)
Str http_header(const HttpAnswer *a, const char *lower_case_name); /* {NULL,0} when absent */

/*
 * Retried: connect/reset/timeout/truncated, 408, 425, 429, 500, 502, 503, 504 (Retry-After honoured up to 60 s); for
 * POST and PATCH only when retry_post, or when nothing was sent. *ret is filled also for error statuses.
 */
int http_do(HttpClient *c, const HttpRequest *req, HttpAnswer *ret, Err *err) must_check;

/* Percent-encode everything but unreserved characters (RFC 3986). */
void url_escape(Str s, Buf *out);
/* Absolute form of a Location header against the URL it came from. */
int url_resolve(Arena *a, Str base, Str location, Str *ret, Err *err) must_check;
Str url_host(Str url); /* "host:port" as written, borrowed */
