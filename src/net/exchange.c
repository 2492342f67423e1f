/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One hop: set up a libcurl handle, run it, tell what came of it.
 *
 * libcurl calls back four ways while it runs: a line of headers, a piece of body, room for more
 * request body, and "still here" about once a second. A callback that cannot go on fills x->err,
 * sets x->failed and makes libcurl stop; after the transfer that error wins over libcurl's own.
 *
 * Redirects, retries and credentials of other hosts are do.c's business: nothing in here follows
 * anything.
 */
#include <sys/types.h>

#include "base/limits.h"
#include "base/num.h"
#include "net/internal.h"
#include "os/fd.h"
#include "os/signal.h"

enum {
    PATIENCE_FACTOR = 10, /* stall timeouts that the answer to an upload may take */
    KEEPALIVE_IDLE_S = 30,
    KEEPALIVE_EVERY_S = 15,
    TRANSFER_BUFFER = 256 * 1024,
    NAMES_KEPT_S = 600, /* addresses that names were looked up to */
};

static _Thread_local bool known_names_only;

void http_known_names_only(bool on)
{
    known_names_only = on;
}

static bool status_is_good(int status)
{
    return status >= 200 && status < 300;
}

/* A callback's way to give up: *x->err is filled. */
static size_t stop(Exchange *x)
{
    x->failed = true;
    return 0;
}

/* "bytes 100-199/200" must begin where we asked. */
static bool range_begins_at(Str content_range, uint64_t at)
{
    Str unit, rest, first, tail;
    uint64_t n;

    return str_cut(content_range, ' ', &unit, &rest) && str_eq_nocase(unit, S("bytes")) &&
           str_cut(rest, '-', &first, &tail) && num_parse_u64(first, UINT64_MAX, &n) && n == at;
}

/* Bytes of the whole, of which those before resume_at are there already. */
static uint64_t expected_bytes(const HttpAnswer *a, uint64_t resume_at)
{
    uint64_t n;

    if (!num_parse_u64(http_header(a, "content-length"), LIMIT_FILE_SIZE, &n))
        return 0;
    return resume_at + n;
}

/* The headers of a final answer are there: tell the sink what comes. */
static bool begin_body(Exchange *x)
{
    HttpSink *sink = x->req->sink;
    int status = x->answer->status;
    uint64_t resume_at = 0;

    if (x->range_from && status == 206) {
        if (!range_begins_at(http_header(x->answer, "content-range"), x->range_from)) {
            x->trouble = TROUBLE_RANGE;
            (void)err_set(x->err, ERR_NET, "the server sent another range than asked for");
            return false;
        }
        resume_at = x->range_from;
    }
    if (!sink || !status_is_good(status))
        return true;
    *x->delivered = resume_at;
    sink->expected = expected_bytes(x->answer, resume_at);
    return sink->begin(sink, status, resume_at, x->err) == 0;
}

/* "HTTP/1.1 200 OK" opens an answer; a 1xx before the real one is simply overwritten by it. */
static bool begin_answer(Exchange *x, Str line)
{
    Str version, rest, code, reason;
    uint32_t status;

    if (!str_cut(line, ' ', &version, &rest))
        return false;
    if (!str_cut(rest, ' ', &code, &reason))
        code = rest;
    if (!num_parse_u32(code, &status) || status < 100 || status > 999)
        return false;
    answer_clear(x->answer);
    x->answer->status = (int)status;
    return true;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl's type */
static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    Exchange *x = arg;
    Str line = str_trim((Str){p, size * n});

    x->active_ms = net_now_ms();
    x->header_bytes += size * n;
    if (x->header_bytes > LIMIT_HTTP_HEADERS) {
        (void)err_set(x->err, ERR_LIMIT, "the answer's headers are larger than %zu bytes",
                      LIMIT_HTTP_HEADERS);
        return stop(x);
    }
    if (str_starts(line, S("HTTP/"))) {
        if (!begin_answer(x, line)) {
            (void)err_set(x->err, ERR_NET, "the server's status line is garbled");
            return stop(x);
        }
    } else if (line.n == 0) {
        if (x->answer->status >= 200 && !begin_body(x))
            return stop(x);
    } else {
        (void)answer_add_line(x->answer, line); /* what is no header is not worth failing for */
    }
    return size * n;
}

static size_t keep_body(Exchange *x, const char *p, size_t n)
{
    Buf *body = &x->answer->body;

    buf_append(body, p, n);
    if (!body->full)
        return n;
    if (status_is_good(x->answer->status)) {
        (void)err_set(x->err, ERR_LIMIT, "the answer is larger than %zu bytes", body->max);
        return stop(x);
    }
    /* Of an error only the beginning is of use: the transfer ends here, the answer stands. */
    buf_truncate(body, body->n);
    buf_append(body, p, body->max - body->n);
    x->body_cut = true;
    return 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    Exchange *x = arg;

    n *= size;
    if (!x->req->sink || !status_is_good(x->answer->status)) {
        n = keep_body(x, p, n);
    } else if (writer_write(&x->req->sink->w, p, n, x->err) < 0) {
        return stop(x);
    } else {
        *x->delivered += n;
    }
    x->active_ms = net_now_ms(); /* the time our own side took is no stall */
    return n;
}

static size_t on_need(char *p, size_t size, size_t n, void *arg)
{
    Exchange *x = arg;
    const HttpRequest *req = x->req;
    uint64_t left = req->has_body_fd ? req->body_fd_n - x->body_at : req->body.n - x->body_at;
    size_t got = 0;

    n *= size;
    if (n > left)
        n = (size_t)left;
    if (!req->has_body_fd) {
        if (n)
            memcpy(p, req->body.p + x->body_at, n);
        got = n;
    } else if (n &&
               fd_pread_full(req->body_fd, p, n, req->body_fd_at + x->body_at, &got, x->err) < 0) {
        (void)stop(x);
        return CURL_READFUNC_ABORT;
    }
    if (got < n) {
        (void)err_set(x->err, ERR_SYS, "the file to send became shorter while it was sent");
        (void)stop(x);
        return CURL_READFUNC_ABORT;
    }
    x->body_at += got;
    return got;
}

/*
 * libcurl wants the body again from the start: it repeats by itself a request that died with a kept
 * connection. What is not idempotent may have been taken in the meantime (a PATCH appends!), so that
 * is for our caller to decide.
 */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    Exchange *x = arg;
    bool idempotent = strcmp(x->method, "PUT") == 0 || x->req->retry_post;

    if (origin != SEEK_SET || offset < 0 || (x->body_at > 0 && !idempotent))
        return CURL_SEEKFUNC_FAIL;
    x->body_at = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static bool awaits_upload_answer(const Exchange *x)
{
    uint64_t n = x->req->has_body_fd ? x->req->body_fd_n : x->req->body.n;

    return x->with_body && (strcmp(x->method, "PUT") == 0 || strcmp(x->method, "PATCH") == 0) &&
           x->sent >= n;
}

/* How long nothing may be heard. */
static int64_t stall_ms(const Exchange *x)
{
    int64_t ms = (int64_t)x->client->opts.stall_timeout_s * 1000;

    if (haste_has_come(x->haste) && ms > HURRIED_STALL_MS)
        ms = HURRIED_STALL_MS;
    return awaits_upload_answer(x) ? ms * PATIENCE_FACTOR : ms;
}

static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    Exchange *x = arg;
    int64_t now = net_now_ms(), allowed_ms;

    (void)down_total;
    (void)up_total;
    if (signal_check(x->err) < 0) {
        x->failed = true;
        return 1;
    }
    if (down != x->seen_down || up != x->seen_up)
        x->active_ms = now;
    if (up != x->seen_up && x->req->on_sent)
        x->req->on_sent(x->req->on_sent_ctx, (uint64_t)up);
    x->seen_down = down;
    x->seen_up = up;
    x->sent = (uint64_t)up;
    allowed_ms = stall_ms(x);
    if (now - x->active_ms <= allowed_ms)
        return 0;
    (void)err_set(x->err, ERR_NET, "no data for %lld s", (long long)allowed_ms / 1000);
    x->failed = true;
    x->trouble = TROUBLE_BROKEN;
    return 1;
}

/* Never sent to another origin than the one they were meant for. */
static bool is_secret(Str name)
{
    static const char *const secret[] = {"authorization",       "cookie",
                                         "proxy-authorization", "x-amz-security-token",
                                         "private-token",       "job-token"};

    for (size_t i = 0; i < ARRAY_LEN(secret); i++)
        if (str_eq_nocase(name, str_from(secret[i])))
            return true;
    return false;
}

static bool has_control(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return true;
    return false;
}

static void slist_add(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (!longer)
        abort(); /* out of memory */
    *list = longer;
}

static void slist_done(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}
#define cleanup_slist cleanup_with(slist_done)

typedef struct HeaderList {
    struct curl_slist **to;
    bool typed; /* has a Content-Type */
} HeaderList;

static int add_header(HeaderList *l, const HttpHeader *h, Err *err)
{
    cleanup_buf Buf line = BUF_INIT(BUF_SMALL);

    if (has_control(h->name) || has_control(h->value))
        return err_set(err, ERR_FORMAT, "control character in request header " STR_FMT,
                       STR_ARG(h->name));
    l->typed = l->typed || str_eq_nocase(h->name, S("content-type"));
    buf_addf(&line, STR_FMT "%s" STR_FMT, STR_ARG(h->name), h->value.n ? ": " : ";",
             STR_ARG(h->value));
    TRY(buf_check(&line, "a request header", err));
    slist_add(l->to, buf_z(&line));
    return 0;
}

static int set_headers(Exchange *x, struct curl_slist **list, Err *err)
{
    HeaderList l = {.to = list};

    for (size_t i = 0; i < x->req->n_headers; i++)
        if (x->with_secrets || !is_secret(x->req->headers[i].name))
            TRY(add_header(&l, &x->req->headers[i], err));
    if (x->with_secrets)
        vec_foreach(h, x->signature)
            TRY(add_header(&l, h, err));
    if (x->range_from && x->if_range.n)
        TRY(add_header(&l, &(HttpHeader){S("If-Range"), x->if_range}, err));
    slist_add(list, "Expect:"); /* waiting for 100 Continue costs a second where nobody sends it */
    if (!l.typed)
        slist_add(list, "Content-Type:"); /* libcurl would call every POST a web form */
    (void)curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, *list);
    return 0;
}

/* The body always comes through on_need, whatever the method: one way to send, replay and count. */
static void set_method(Exchange *x)
{
    const HttpRequest *req = x->req;
    bool takes_body = strcmp(x->method, "POST") == 0 || strcmp(x->method, "PUT") == 0 ||
                      strcmp(x->method, "PATCH") == 0;
    uint64_t n = req->has_body_fd ? req->body_fd_n : req->body.n;

    if (strcmp(x->method, "HEAD") == 0) {
        (void)curl_easy_setopt(x->curl, CURLOPT_NOBODY, 1L);
    } else if (x->with_body && (takes_body || n)) {
        (void)curl_easy_setopt(x->curl, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(x->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)n);
        (void)curl_easy_setopt(x->curl, CURLOPT_CUSTOMREQUEST, x->method);
    } else if (strcmp(x->method, "GET") != 0) {
        (void)curl_easy_setopt(x->curl, CURLOPT_CUSTOMREQUEST, x->method);
    }
    if (x->range_from) {
        char range[32];

        (void)snprintf(range, sizeof(range), "%llu-", (unsigned long long)x->range_from);
        (void)curl_easy_setopt(x->curl, CURLOPT_RANGE, range);
    }
}

/*
 * libcurl leaves HTTP_PROXY in capitals alone (a CGI program gets it from a client's header), but Go
 * programs honour it outside CGI and so do people's pods. Loopback is never proxied, as in Go.
 */
static void set_proxy(Exchange *x)
{
    const char *lower = getenv("http_proxy"), *upper = getenv("HTTP_PROXY");

    if (url_is_machine_local(str_from(x->url)))
        (void)curl_easy_setopt(x->curl, CURLOPT_NOPROXY, "*");
    else if (!url_is_https(str_from(x->url)) && !lower && upper && *upper &&
             !getenv("REQUEST_METHOD"))
        (void)curl_easy_setopt(x->curl, CURLOPT_PROXY, upper);
}

/* libcurl is about to look a name up, having found it among the known ones no longer. */
static int on_name(void *resolver, void *reserved, void *arg)
{
    Exchange *x = arg;

    (void)resolver;
    (void)reserved;
    (void)err_set(x->err, ERR_NET, "the server's address is not known, and must not be looked up");
    x->failed = true;
    return 1;
}

static void set_names(Exchange *x)
{
    CURL *h = x->curl;

    (void)curl_easy_setopt(h, CURLOPT_SHARE, x->client->share);
    (void)curl_easy_setopt(h, CURLOPT_DNS_CACHE_TIMEOUT,
                           known_names_only ? -1L : (long)NAMES_KEPT_S);
    if (!known_names_only)
        return;
    (void)curl_easy_setopt(h, CURLOPT_RESOLVER_START_FUNCTION, on_name);
    (void)curl_easy_setopt(h, CURLOPT_RESOLVER_START_DATA, x);
}

static void set_callbacks(Exchange *x)
{
    CURL *h = x->curl;

    (void)curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(h, CURLOPT_HEADERDATA, x);
    (void)curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(h, CURLOPT_WRITEDATA, x);
    (void)curl_easy_setopt(h, CURLOPT_READFUNCTION, on_need);
    (void)curl_easy_setopt(h, CURLOPT_READDATA, x);
    (void)curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, on_seek);
    (void)curl_easy_setopt(h, CURLOPT_SEEKDATA, x);
    (void)curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(h, CURLOPT_XFERINFODATA, x);
    (void)curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(h, CURLOPT_ERRORBUFFER, x->text);
}

static void set_transport(Exchange *x)
{
    CURL *h = x->curl;
    const HttpClientOpts *o = &x->client->opts;
    unsigned connect_s =
        x->req->connect_timeout_s ? x->req->connect_timeout_s : o->connect_timeout_s;

    (void)curl_easy_setopt(h, CURLOPT_URL, x->url);
    (void)curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(h, CURLOPT_USERAGENT, o->user_agent);
    (void)curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, (long)connect_s);
    (void)curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(h, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
    (void)curl_easy_setopt(h, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_EVERY_S);
    (void)curl_easy_setopt(h, CURLOPT_BUFFERSIZE, (long)TRANSFER_BUFFER);
    (void)curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, (long)TRANSFER_BUFFER);
    (void)curl_easy_setopt(h, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    (void)curl_easy_setopt(h, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
}

static Trouble trouble_of(CURLcode rc)
{
    if (rc == CURLE_COULDNT_RESOLVE_HOST || rc == CURLE_COULDNT_RESOLVE_PROXY)
        return TROUBLE_RESOLVE;
    if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CERTPROBLEM ||
        rc == CURLE_SSL_CACERT_BADFILE || rc == CURLE_URL_MALFORMAT ||
        rc == CURLE_UNSUPPORTED_PROTOCOL || rc == CURLE_BAD_FUNCTION_ARGUMENT ||
        rc == CURLE_SSL_ENGINE_INITFAILED)
        return TROUBLE_FINAL;
    return TROUBLE_BROKEN;
}

static bool never_connected(CURLcode rc)
{
    return rc == CURLE_COULDNT_RESOLVE_HOST || rc == CURLE_COULDNT_RESOLVE_PROXY ||
           rc == CURLE_COULDNT_CONNECT || rc == CURLE_SSL_CONNECT_ERROR ||
           rc == CURLE_PEER_FAILED_VERIFICATION;
}

static int conclude(Exchange *x, CURLcode rc, Err *err)
{
    long request_bytes = 0;

    if (!x->failed && (rc == CURLE_OK || x->body_cut) && x->answer->status >= 200) {
        if (x->range_from && x->answer->status == 416) {
            x->trouble = TROUBLE_RANGE;
            return err_set(err, ERR_NET, "the server has no such range");
        }
        return 0;
    }
    (void)curl_easy_getinfo(x->curl, CURLINFO_REQUEST_SIZE, &request_bytes);
    x->nothing_sent = never_connected(rc) || request_bytes == 0;
    if (x->failed) {
        if (x->trouble == TROUBLE_NONE)
            x->trouble = TROUBLE_FINAL;
        return -1;
    }
    x->trouble = rc == CURLE_OK ? TROUBLE_BROKEN : trouble_of(rc);
    if (rc == CURLE_OK)
        return err_set(err, ERR_NET, "the server closed without an answer");
    if (rc == CURLE_SEND_FAIL_REWIND)
        return err_set(err, ERR_NET, "the connection broke while the body was sent");
    return err_set(err, ERR_NET, "%s", x->text[0] ? x->text : curl_easy_strerror(rc));
}

/* Another host than the one first asked may have its own roots and client certificate. */
static const HttpTls *trusted(const Exchange *x)
{
    const HttpRequest *req = x->req;

    if (x->with_secrets || !req->tls_elsewhere)
        return req->tls;
    return req->tls_elsewhere(req->tls_ctx, url_host(str_from(x->url)));
}

static int perform(Exchange *x, struct curl_slist **headers, Err *err)
{
    set_transport(x);
    set_names(x);
    set_callbacks(x);
    set_proxy(x);
    set_method(x);
    TRY(set_headers(x, headers, err));
    TRY(tls_apply(x->client, x->curl, x->url, trusted(x), x->with_secrets, err));
    x->trouble = TROUBLE_NONE;
    x->active_ms = net_now_ms();
    return conclude(x, curl_easy_perform(x->curl), err);
}

int exchange_run(Exchange *x, Err *err)
{
    cleanup_slist struct curl_slist *headers = NULL;
    int r;

    x->err = err;
    x->trouble = TROUBLE_FINAL; /* until the transfer has been tried */
    answer_clear(x->answer);
    r = perform(x, &headers, err);
    curl_easy_reset(x->curl); /* it points into this frame; connections and the share stay */
    return r;
}
