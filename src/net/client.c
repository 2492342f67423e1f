/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client: a pool of libcurl easy handles.
 *
 * Each handle owns a few connections, and a handle is used by one thread at a time, so nothing but
 * the pool itself needs a lock. A call takes the handle that last talked to its host and finds the
 * connection still open; only DNS answers are shared between handles. Everything is
 * HTTP/1.1: one thread has one transfer, so HTTP/2 would multiplex nothing, large bodies are slower
 * over it, and API calls and blobs can share their connections this way.
 */
#include <signal.h>

#include "net/internal.h"

#ifndef KILN_VERSION
#define KILN_VERSION "unknown"
#endif

enum {
    IDLE_MAX = 32
}; /* handles kept for reuse */

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A peer that closes while we write must be an error of that call, not the end of the process:
   libcurl does not see to it with NOSIGNAL, and OpenSSL writes without MSG_NOSIGNAL. */
static void net_init(void)
{
    struct sigaction old;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
        (void)signal(SIGPIPE, SIG_IGN);
}

static void share_lock(CURL *curl, curl_lock_data data, curl_lock_access access, void *arg)
{
    HttpClient *c = arg;

    (void)curl;
    (void)access;
    (void)pthread_mutex_lock(&c->share_locks[data]);
}

static void share_unlock(CURL *curl, curl_lock_data data, void *arg)
{
    HttpClient *c = arg;

    (void)curl;
    (void)pthread_mutex_unlock(&c->share_locks[data]);
}

static CURLSH *share_new(HttpClient *c)
{
    CURLSH *s = curl_share_init();

    if (!s)
        abort(); /* out of memory */
    for (size_t i = 0; i < CURL_LOCK_DATA_LAST; i++)
        (void)pthread_mutex_init(&c->share_locks[i], NULL);
    (void)curl_share_setopt(s, CURLSHOPT_LOCKFUNC, share_lock);
    (void)curl_share_setopt(s, CURLSHOPT_UNLOCKFUNC, share_unlock);
    (void)curl_share_setopt(s, CURLSHOPT_USERDATA, c);
    (void)curl_share_setopt(s, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    return s;
}

static unsigned or_default(unsigned v, unsigned otherwise)
{
    return v ? v : otherwise;
}

HttpClient *http_client_new(const HttpClientOpts *opts)
{
    static const HttpClientOpts none = {0};
    HttpClient *c = NEW(HttpClient);

    (void)pthread_once(&once, net_init);
    c->opts = opts ? *opts : none;
    c->opts.user_agent = xstrdup(c->opts.user_agent ? c->opts.user_agent : "kiln/" KILN_VERSION);
    c->opts.retries = or_default(c->opts.retries, HTTP_RETRIES);
    c->opts.retry_base_ms = or_default(c->opts.retry_base_ms, 500);
    c->opts.connect_timeout_s = or_default(c->opts.connect_timeout_s, 20);
    c->opts.stall_timeout_s = or_default(c->opts.stall_timeout_s, 60);
    (void)pthread_mutex_init(&c->lock, NULL);
    c->share = share_new(c);
    tls_load_roots(c);
    return c;
}

static void handle_free(Handle *h)
{
    curl_easy_cleanup(h->curl);
    free(h->key);
    free(h);
}

void http_client_free(HttpClient *c)
{
    if (!c)
        return;
    vec_foreach(h, &c->idle)
        handle_free(*h);
    vec_done(&c->idle);
    (void)curl_share_cleanup(c->share);
    for (size_t i = 0; i < CURL_LOCK_DATA_LAST; i++)
        (void)pthread_mutex_destroy(&c->share_locks[i]);
    (void)pthread_mutex_destroy(&c->lock);
    tls_files_done(c);
    free_at(&c->opts.user_agent);
    free(c);
}

/* Remove and return the idle handle at i. */
static Handle *idle_remove(HttpClient *c, size_t i)
{
    Handle *h = c->idle.v[i];

    c->idle.n--;
    memmove(c->idle.v + i, c->idle.v + i + 1, (c->idle.n - i) * sizeof(Handle *));
    return h;
}

static Handle *handle_new(void)
{
    Handle *h = NEW(Handle);

    h->curl = curl_easy_init();
    if (!h->curl)
        abort(); /* out of memory */
    return h;
}

Str client_key(Arena *a, const HttpRequest *req)
{
    Str host = url_host(str_from(req->url));
    const char *roots = req->tls && req->tls->ca_file ? req->tls->ca_file : "";

    return str_fmt_in(a, STR_FMT "\n%s", STR_ARG(host), roots);
}

Handle *client_take(HttpClient *c, Str key)
{
    Handle *h = NULL;

    (void)pthread_mutex_lock(&c->lock);
    for (size_t i = c->idle.n; i > 0 && !h; i--)
        if (str_eq(str_from(c->idle.v[i - 1]->key), key))
            h = idle_remove(c, i - 1);
    (void)pthread_mutex_unlock(&c->lock);
    return h ? h : handle_new();
}

void client_give(HttpClient *c, Handle *h, Str key)
{
    Handle *oldest = NULL;

    free(h->key);
    h->key = str_dup(key);
    (void)pthread_mutex_lock(&c->lock);
    if (c->idle.n >= IDLE_MAX)
        oldest = idle_remove(c, 0);
    vec_push(&c->idle, h);
    (void)pthread_mutex_unlock(&c->lock);
    if (oldest)
        handle_free(oldest);
}
