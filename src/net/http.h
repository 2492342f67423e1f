/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/http.h - HTTP(S) requests with retries, bounded answers and streamed bodies (libcurl inside).
 *
 * Threads      one HttpClient may be used by many threads at once; every call blocks its own
 *              thread. Connections are kept and reused per host across calls.
 * Stopping     a signal (os/signal.h) ends any call with ERR_CANCELLED.
 * Secrets      header values are never logged; queries and user names are cut from URLs in
 *              messages.
 * Redirects    followed up to LIMIT_REDIRECTS; Authorization, Cookie and client certificates go
 *              only to the host and port first asked, and never from https to http. Once dropped
 *              they stay dropped. A remote server cannot redirect us to a loopback or link-local
 *              address.
 * Proxies      HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY (and lower case), as curl and Go read
 *              them; loopback hosts are always asked directly.
 * TLS roots    SSL_CERT_FILE, else http_set_default_ca(), else the system's bundle; plus every
 *              certificate in the directories of SSL_CERT_DIR; plus HttpTls.ca_file. Read once per
 *              client, when it is made or a file is first named: a build may replace '/' later.
 * Errors       ERR_NET (transport: DNS, connect, TLS, reset, timeout; says which), ERR_HTTP for a
 *              redirect that cannot be followed, else never by itself: a status is an answer. After
 *              the retries are used up the last error or answer is returned.
 */
#pragma once

#include <stdatomic.h>

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
    unsigned retry_base_ms;     /* bound of the first pause, doubled each time; 0 = 500 */
    unsigned connect_timeout_s; /* 0 = 20 */
    unsigned stall_timeout_s; /* no byte for so long = ERR_NET; 0 = 60. The answer to a PUT or PATCH
                                   may take ten times as long: a server digests what it was sent */
} HttpClientOpts;

#define HTTP_RETRIES 5u

/*
 * Extra roots shipped with the program, used when SSL_CERT_FILE is not set. Call in main, before
 * the first client; 'path' is copied.
 */
void http_set_default_ca(const char *path);

/* The first client makes the process ignore SIGPIPE; signals_reset() undoes that in a child. */
HttpClient *http_client_new(const HttpClientOpts *opts); /* opts may be NULL */
void http_client_free(HttpClient *c);
CLEANUP_DEFINE(HttpClient, http_client_free);

/* Read the files of 'tls' now, so that later requests naming them do not touch the disk. */
int http_load_tls(HttpClient *c, const HttpTls *tls, Err *err) must_check;

typedef struct HttpHeader {
    Str name, value;
} HttpHeader;
typedef VEC(HttpHeader) HttpHeaderVec;

/* What the next attempt asks for. */
typedef struct HttpAttempt {
    uint64_t range_from; /* "Range: bytes=N-" is sent; 0 = all */
    Str etag;            /* strong, of what the sink already holds; or "" */
} HttpAttempt;

/*
 * Where the body of a 2xx answer goes. begin() is called once per such answer, when its headers are
 * known and before the first byte:
 *      resume_at == 0   a first or a fresh start: drop what an earlier attempt wrote
 *      resume_at > 0    what follows continues after the first resume_at bytes already written
 * Returning -1 from begin or write ends the call with *err; that is never retried.
 */
typedef struct HttpSink {
    Writer w;
    uint64_t expected; /* set before begin(): bytes of the whole, resume_at included; 0 = unknown */
    int (*begin)(struct HttpSink *self, int status, uint64_t resume_at, Err *err);
} HttpSink;

typedef struct HttpRequest {
    const char *method; /* "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" */
    const char *url;
    const HttpHeader *headers;
    size_t n_headers;
    const HttpTls *tls; /* NULL = system defaults */
    /* What counts for another host that a redirect leads to; NULL: 'tls' does. */
    const HttpTls *(*tls_elsewhere)(void *ctx, Str host);
    void *tls_ctx;

    /* Body: bytes in memory, or body_fd_n bytes of a descriptor from body_fd_at (by pread; replayed
       on a retry). */
    Str body;
    int body_fd; /* used when has_body_fd */
    bool has_body_fd;
    uint64_t body_fd_at, body_fd_n;
    void (*on_sent)(void *ctx, uint64_t sent); /* body bytes of this attempt so far; may be NULL */
    void *on_sent_ctx;

    /*
     * More headers, made anew for every attempt: a signature has a date in it. They go only to the
     * origin first asked, as Authorization does. -1 ends the call. May be NULL.
     */
    int (*sign)(void *ctx, const HttpAttempt *attempt, Arena *a, HttpHeaderVec *ret, Err *err);
    void *sign_ctx;

    HttpSink *sink; /* NULL: the body goes into HttpAnswer.body */
    size_t
        max_body; /* of HttpAnswer.body; 0 = LIMIT_HTTP_ERROR_BODY. A larger 2xx body is ERR_LIMIT,
                        that of an error status is cut */
    bool resume;  /* GET with a sink: go on with a Range request after a broken transfer; attempts
                        that bring HTTP_PROGRESS bytes are then not counted as retries */
    /*
     * ... but only under a strong ETag, for bytes that nothing verifies afterwards. Without one a
     * broken transfer begins anew.
     */
    bool resume_if_same;
    bool no_retry;              /* one attempt only */
    bool retry_post;            /* this POST/PATCH may be repeated safely */
    unsigned connect_timeout_s; /* 0 = the client's */
    /*
     * May be set meanwhile, by any thread: then a pause or a silence is of a moment, and one or two
     * retries are all, none after an attempt that was slow or told to come back later. NULL:
     * patient to the end.
     */
    const atomic_bool *hurry;
    unsigned patience_ms; /* after so long the call is hurried by itself; 0 = never */
} HttpRequest;

#define HTTP_PROGRESS ((uint64_t)1 << 20)

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
 * Retried: connect/reset/timeout/truncated, 408, 425, 429, 500, 502, 503, 504 (Retry-After honoured
 * up to 60 s); for POST and PATCH only when retry_post, when nothing was sent, or after 429
 * (refused unprocessed). A certificate that does not verify is not retried, a name that does not
 * resolve twice. (A request without body that dies with a kept connection before any answer is
 * repeated once in any case: libcurl does that, and the server had closed before.) *ret is filled
 * also for error statuses, untouched on -1; the caller frees it.
 */
int http_do(HttpClient *c, const HttpRequest *req, HttpAnswer *ret, Err *err) must_check;

/*
 * For the calling thread, while it is on: no name is looked up. The client's servers of the last
 * minutes are known by their addresses; a request that leads to another fails at once. For when
 * hosts and resolv.conf are a stranger's.
 */
void http_known_names_only(bool on);

/* Exponential back-off with full jitter: a random time up to base_ms * 2^attempt (30 s at most). */
unsigned http_backoff_ms(unsigned base_ms, unsigned attempt);
/*
 * Sleep; for a moment only, once *hurry is set (NULL: it never is). ERR_CANCELLED as soon as a
 * signal comes.
 */
int http_pause(unsigned ms, const atomic_bool *hurry, Err *err) must_check;
bool http_is_hurried(const atomic_bool *hurry);
/* Is that enough for who is in a hurry: so many failures, the last of which took so long? */
bool http_hurry_ends(const atomic_bool *hurry, unsigned failures, int64_t took_ms);
/* Statuses that say "try again": see http_do(). */
bool http_status_is_temporary(int status);

/* A date as headers have it, in ns since the epoch; 0 when it is none. */
int64_t http_date_ns(Str text);

/* Percent-encode everything but unreserved characters (RFC 3986). */
void url_escape(Str s, Buf *out);
/*
 * Absolute form of a Location header against the URL it came from; ERR_FORMAT when it is no http
 * URL.
 */
int url_resolve(Arena *a, Str base, Str location, Str *ret, Err *err) must_check;
Str url_host(Str url); /* "host:port" as written, borrowed */
bool url_is_https(Str url);
/* Same scheme, host and port (default ports made explicit). */
bool url_same_origin(Str a, Str b);
/* A literal loopback, link-local or unspecified address, or localhost. */
bool url_is_machine_local(Str url);
/* For messages: without user name, query and fragment. */
Str url_for_people(Arena *a, Str url);
