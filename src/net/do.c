/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_do: attempts, each a chain of redirects, until an answer is worth returning.
 *
 *      attempt ── hop ── 307 ── hop ── 200, body ... connection lost
 *      pause
 *      attempt ── hop (Range: N-) ── 307 ── hop ── 206, rest of the body
 *
 * Every attempt starts from the URL first asked: the place a redirect names is often signed for a
 * short time only.
 */
#include "base/limits.h"
#include "base/log.h"
#include "net/internal.h"
#include "os/signal.h"

enum {
    RESOLVE_RETRIES = 2
}; /* a mistyped host name should not cost half a minute */

typedef struct Call {
    HttpClient *client;
    const HttpRequest *req;
    Handle *handle;
    HttpAnswer answer;
    Arena arena;
    uint64_t delivered; /* what the sink holds */
    bool can_resume;
    Str etag; /* strong, of the body being resumed */
    unsigned tries, failures;
    int64_t took_ms; /* the last attempt */
    Haste haste;
    Trouble trouble;   /* of the last attempt */
    bool nothing_sent; /* by the last attempt */
} Call;

static void call_done(Call *c)
{
    if (c->handle)
        client_give(c->client, c->handle, client_key(&c->arena, c->req));
    http_answer_done(&c->answer);
    arena_done(&c->arena);
}

static bool is_redirect(const HttpAnswer *a)
{
    return (a->status == 301 || a->status == 302 || a->status == 303 || a->status == 307 ||
            a->status == 308) &&
           http_header(a, "location").n > 0;
}

/* As browsers and every HTTP library do: 303 means GET, and so do 301 and 302 after a POST. */
static void redirect_method(Exchange *x)
{
    int status = x->answer->status;
    bool post = strcmp(x->method, "POST") == 0;

    if (strcmp(x->method, "HEAD") == 0 || strcmp(x->method, "GET") == 0)
        return;
    if (status == 303 || ((status == 301 || status == 302) && post)) {
        x->method = "GET";
        x->with_body = false;
    }
}

/* Point x at the next hop; its URL lives as long as 'a'. */
static int redirect(Exchange *x, Arena *a, Err *err)
{
    Str from = str_from(x->url), to;
    bool same;

    TRY(url_resolve(a, from, http_header(x->answer, "location"), &to, err));
    if (url_is_machine_local(to) && !url_is_machine_local(from)) {
        x->trouble = TROUBLE_FINAL;
        (void)err_set(err, ERR_HTTP, "refused a redirect to the machine-local address " STR_FMT,
                      STR_ARG(url_host(to)));
        err->http_status = x->answer->status;
        return -1;
    }
    same = url_same_origin(from, to);
    x->with_secrets = x->with_secrets && same;
    redirect_method(x);
    x->url = to.p;
    return 0;
}

static int too_many_redirects(Exchange *x, Err *err)
{
    x->trouble = TROUBLE_FINAL;
    (void)err_set(err, ERR_HTTP, "more than %u redirects", LIMIT_REDIRECTS);
    err->http_status = x->answer->status;
    return -1;
}

static int follow(Exchange *x, Err *err)
{
    cleanup_arena Arena urls = ARENA_INIT;

    for (unsigned hops = 0;; hops++) {
        x->header_bytes = x->sent = x->body_at = 0;
        x->seen_down = x->seen_up = 0;
        TRY(exchange_run(x, err));
        if (!is_redirect(x->answer))
            break;
        if (hops == LIMIT_REDIRECTS)
            return too_many_redirects(x, err);
        x->trouble = TROUBLE_FINAL;
        TRY(redirect(x, &urls, err));
        x->trouble = TROUBLE_NONE;
    }
    x->answer->final_url = str_dup_in(&x->answer->arena, str_from(x->url));
    return 0;
}

/* A weak validator does not promise equal bytes. */
static void remember_etag(Call *c)
{
    Str etag = http_header(&c->answer, "etag");

    if (c->can_resume && c->etag.n == 0 && etag.n && etag.p[0] == '"')
        c->etag = str_dup_in(&c->arena, etag);
}

static bool may_continue(const Call *c)
{
    return c->can_resume && (c->etag.n || !c->req->resume_if_same);
}

static int sign(const Call *c, Arena *a, HttpHeaderVec *ret, Err *err)
{
    HttpAttempt at = {.range_from = may_continue(c) ? c->delivered : 0,
                      .etag = c->etag.n ? c->etag : S("")};

    return c->req->sign ? c->req->sign(c->req->sign_ctx, &at, a, ret, err) : 0;
}

static int attempt_signed(Call *c, const HttpHeaderVec *signature, Err *err)
{
    Exchange x = {
        .client = c->client,
        .curl = c->handle->curl,
        .req = c->req,
        .url = c->req->url,
        .method = c->req->method,
        .with_secrets = true,
        .with_body = true,
        .signature = signature,
        .range_from = may_continue(c) ? c->delivered : 0,
        .if_range = c->etag,
        .answer = &c->answer,
        .haste = &c->haste,
        .delivered = &c->delivered,
    };
    int64_t begun = net_now_ms();
    int r = follow(&x, err);

    c->tries++;
    c->took_ms = net_now_ms() - begun;
    c->trouble = r < 0 ? x.trouble : TROUBLE_NONE;
    c->nothing_sent = r < 0 && x.nothing_sent;
    if (r < 0)
        remember_etag(c);
    return r;
}

static int attempt(Call *c, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    HttpHeaderVec signature = {0};
    int r = sign(c, &a, &signature, err);

    if (r < 0)
        c->trouble = TROUBLE_FINAL;
    else
        r = attempt_signed(c, &signature, err);
    vec_done(&signature);
    return r;
}

static bool is_repeatable(const Call *c)
{
    const char *m = c->req->method;

    if (strcmp(m, "POST") != 0 && strcmp(m, "PATCH") != 0)
        return true;
    return c->req->retry_post || c->nothing_sent || c->answer.status == 429;
}

/* Whoever is in a hurry does not come back when he should. */
static bool has_no_time(const Call *c, int r)
{
    return haste_ends(&c->haste, c->failures, c->took_ms) ||
           (haste_has_come(&c->haste) && r == 0 && retry_after_ms(&c->answer) > HURRIED_PAUSE_MS);
}

/* After an attempt that failed (r < 0) or was answered. Counts it. */
static bool should_retry(Call *c, int r, uint64_t delivered_before)
{
    unsigned most = c->trouble == TROUBLE_RESOLVE ? RESOLVE_RETRIES : c->client->opts.retries;

    if (c->req->no_retry || (r < 0 && c->trouble == TROUBLE_FINAL) ||
        (r == 0 && !http_status_is_temporary(c->answer.status)) || !is_repeatable(c))
        return false;
    if (c->trouble == TROUBLE_RANGE)
        c->can_resume = false;
    if (c->can_resume && c->delivered >= delivered_before + HTTP_PROGRESS) {
        c->failures = 0;
        return true;
    }
    return ++c->failures <= most && !has_no_time(c, r);
}

static int pause_before_retry(Call *c, int r, Err *err)
{
    unsigned attempts = c->failures ? c->failures - 1 : 0;
    unsigned ms = http_backoff_ms(c->client->opts.retry_base_ms, attempts);

    if (r == 0) {
        log_debug("%s " STR_FMT ": status %d, trying again", c->req->method,
                  STR_ARG(url_for_people(&c->arena, str_from(c->req->url))), c->answer.status);
        ms += retry_after_ms(&c->answer);
    }
    return haste_pause(&c->haste, ms, err);
}

static int give_up(Call *c, Err *err)
{
    Str url = url_for_people(&c->arena, str_from(c->req->url));

    if (c->tries > 1)
        return err_wrap(err, "%s " STR_FMT " (%u tries)", c->req->method, STR_ARG(url), c->tries);
    return err_wrap(err, "%s " STR_FMT, c->req->method, STR_ARG(url));
}

int http_do(HttpClient *client, const HttpRequest *req, HttpAnswer *ret, Err *err)
{
    cleanup_with(call_done) Call c = {
        .client = client,
        .req = req,
        .can_resume = req->resume && req->sink && strcmp(req->method, "GET") == 0,
        .haste = {req->hurry, req->patience_ms ? net_now_ms() + req->patience_ms : 0},
        .answer = {.body = BUF_INIT(req->max_body ? req->max_body : LIMIT_HTTP_ERROR_BODY)},
    };

    TRY(signal_check(err));
    c.handle = client_take(client, client_key(&c.arena, req));
    for (;;) {
        uint64_t before = c.delivered;
        int r = attempt(&c, err);

        if (!should_retry(&c, r, before)) {
            if (r < 0)
                return give_up(&c, err);
            break;
        }
        TRY(pause_before_retry(&c, r, err));
    }
    *ret = c.answer;
    c.answer = (HttpAnswer){0};
    return 0;
}
