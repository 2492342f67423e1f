/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers are read while they come: a thread fills a pipe with them. Requests are small, and asking
 * for a pack twice does no harm, so a POST that brought nothing is tried again; one that broke in
 * the middle is an error, after which the whole fetch can be begun anew (fetch.c).
 */
#include "base/limits.h"
#include "codec/base64.h"
#include "git/wire.h"
#include "os/pipe.h"
#include "os/pool.h"

enum {
    PIPE_BLOCKS = 4
};

typedef struct HttpWire {
    GitWire w;
    const GitUrl *url;
    GitWireOpts o;
    Arena arena;
    Str base; /* of the addresses asked; without user information when that is in 'auth' */
    Str auth; /* the header's value; "" = none */
    Buf greeting;
    MemReader greeting_reader;
    Pool *pool;
    /* the request under way */
    Buf request;
    Pipe *pipe; /* NULL = none */
    Task *task;
    uint64_t delivered;
} HttpWire;

/* --- credentials --- */

static Str basic(HttpWire *w, Str user, Str password)
{
    cleanup_buf Buf plain = BUF_INIT(BUF_SMALL), text = BUF_INIT(BUF_SMALL);

    buf_addf(&plain, STR_FMT ":" STR_FMT, STR_ARG(user), STR_ARG(password));
    base64_encode(BASE64_STANDARD, buf_str(&plain), &text);
    return str_fmt_in(&w->arena, "Basic " STR_FMT, STR_ARG(buf_str(&text)));
}

/*
 * The n-th thing to try. A token goes by several names: alone as the user (GitHub, kaniko), or as
 * the password of a user that does not matter (GitLab, Gitea, GitHub, Azure DevOps).
 */
static bool credentials(HttpWire *w, unsigned n)
{
    const GitCredentials *c = w->o.credentials;

    w->auth = S("");
    if (!c || w->url->user.n)
        return n == 0; /* curl takes them out of the URL */
    if (c->token.n && n < 2) {
        w->auth = n == 0 ? basic(w, c->token, S("")) : basic(w, S("x-access-token"), c->token);
        return true;
    }
    if (!c->token.n && n == 0 && (c->user.n || c->password.n))
        w->auth = basic(w, c->user, c->password);
    return n == 0;
}

static int fail(const HttpWire *w, int status, Err *err)
{
    Str shown = w->url->shown;
    int rc;

    if (status == 401 || status == 403)
        rc = err_set(err, ERR_AUTH, STR_FMT ": the server answers with status %d: %s",
                     STR_ARG(shown), status,
                     w->auth.n || w->url->user.n
                         ? "it does not accept these credentials for this repository"
                         : "the repository is private (set GIT_TOKEN, or GIT_USERNAME and "
                           "GIT_PASSWORD)");
    else if (status == 404)
        rc = err_set(err, ERR_HTTP,
                     STR_FMT ": no such repository, or a private one (status 404; for a private "
                             "one set GIT_TOKEN, or GIT_USERNAME and GIT_PASSWORD)",
                     STR_ARG(shown));
    else
        rc = err_set(err, ERR_HTTP, STR_FMT ": the server answers with status %d", STR_ARG(shown),
                     status);
    err->http_status = status;
    return rc;
}

/* --- requests --- */

static HttpRequest request(HttpWire *w, HttpHeader headers[4], const HttpTls *tls)
{
    HttpRequest r = {.headers = headers, .tls = tls};

    headers[r.n_headers++] = (HttpHeader){S("Git-Protocol"), S("version=2")};
    if (w->auth.n)
        headers[r.n_headers++] = (HttpHeader){S("Authorization"), w->auth};
    return r;
}

/* Where the repository has moved to, if the server says so. */
static void follow(HttpWire *w, Str final_url)
{
    Str tail = S("/info/refs?service=git-upload-pack");

    if (str_ends(final_url, tail) && url_same_origin(final_url, w->base))
        w->base = str_dup_in(&w->arena, str_head(final_url, final_url.n - tail.n));
}

static int get_refs(HttpWire *w, int *ret_status, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    HttpTls tls = {.skip_verify = w->o.skip_tls_verify};
    HttpHeader headers[4];
    HttpRequest r = request(w, headers, &tls);

    r.method = "GET";
    r.url = str_fmt_in(&w->arena, STR_FMT "/info/refs?service=git-upload-pack", STR_ARG(w->base)).p;
    r.max_body = LIMIT_GIT_REFS;
    TRY(http_do(w->o.http, &r, &answer, err));
    *ret_status = answer.status;
    if (answer.status != 200)
        return 0;
    if (!str_starts(http_header(&answer, "content-type"),
                    S("application/x-git-upload-pack-advertisement")))
        return err_set(err, ERR_HTTP,
                       STR_FMT ": this is no git repository (or one of a server without git's "
                               "smart protocol)",
                       STR_ARG(w->url->shown));
    follow(w, answer.final_url);
    buf_truncate(&w->greeting, 0);
    buf_add(&w->greeting, buf_str(&answer.body));
    return buf_check(&w->greeting, "what the git server lists", err);
}

/* A server may say first which service it is, and a flush. */
static Str without_announcement(Str text)
{
    const Str line = S("001e# service=git-upload-pack\n"), flush = S("0000");

    if (str_starts(text, line))
        text = str_skip(text, line.n);
    return str_starts(text, flush) ? str_skip(text, flush.n) : text;
}

static int http_greeting(GitWire *self, Reader **ret, Err *err)
{
    HttpWire *w = (HttpWire *)self;
    int status = 0;

    for (unsigned n = 0; credentials(w, n); n++) {
        TRY(get_refs(w, &status, err));
        if (status != 401 && status != 403 && status != 404)
            break;
    }
    if (status != 200) {
        (void)credentials(w, 0);
        return fail(w, status, err);
    }
    w->greeting_reader = mem_reader(without_announcement(buf_str(&w->greeting)));
    *ret = &w->greeting_reader.r;
    return 0;
}

typedef struct Answer {
    HttpSink sink; /* first: http_do() drives it */
    HttpWire *w;
} Answer;

static int answer_begin(HttpSink *self, int status, uint64_t resume_at, Err *err)
{
    const HttpWire *w = ((Answer *)self)->w;

    (void)status;
    (void)resume_at;
    return w->delivered ? err_set(err, ERR_NET, "the connection broke in the middle") : 0;
}

static int answer_write(Writer *self, const void *p, size_t n, Err *err)
{
    HttpWire *w = ((Answer *)self)->w;

    w->delivered += n;
    if (w->o.progress)
        w->o.progress(w->url->shown, w->delivered, 0);
    return writer_write(pipe_writer(w->pipe), p, n, err);
}

static int post(HttpWire *w, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    HttpTls tls = {.skip_verify = w->o.skip_tls_verify};
    Answer sink = {.sink = {.w = {answer_write}, .begin = answer_begin}, .w = w};
    HttpHeader headers[4];
    HttpRequest r = request(w, headers, &tls);

    headers[r.n_headers++] =
        (HttpHeader){S("Content-Type"), S("application/x-git-upload-pack-request")};
    r.method = "POST";
    r.url = str_fmt_in(&w->arena, STR_FMT "/git-upload-pack", STR_ARG(w->base)).p;
    r.body = buf_str(&w->request);
    r.sink = &sink.sink;
    r.retry_post = true;
    TRY(http_do(w->o.http, &r, &answer, err));
    return answer.status == 200 ? 0 : fail(w, answer.status, err);
}

static int run_post(void *arg, Err *err)
{
    HttpWire *w = arg;
    int rc = post(w, err);

    pipe_close_write(w->pipe, rc < 0 ? err : NULL);
    return rc;
}

static void end_request(HttpWire *w)
{
    Err ignored;

    if (!w->pipe)
        return;
    pipe_close_read(w->pipe);
    (void)!task_join(w->task, &ignored);
    pipe_free(w->pipe);
    w->pipe = NULL;
}

static int http_ask(GitWire *self, Str text, Reader **ret, Err *err)
{
    HttpWire *w = (HttpWire *)self;

    end_request(w);
    buf_truncate(&w->request, 0);
    buf_add(&w->request, text);
    TRY(buf_check(&w->request, "the request to the git server", err));
    w->delivered = 0;
    w->pipe = pipe_new(PIPE_BLOCKS, NULL, NULL);
    w->task = pool_submit(w->pool, run_post, w);
    *ret = pipe_reader(w->pipe);
    return 0;
}

static int http_explain(GitWire *self, Err *err)
{
    (void)self;
    (void)err;
    return -1;
}

static void http_free(GitWire *self)
{
    HttpWire *w = (HttpWire *)self;

    end_request(w);
    pool_free(w->pool);
    buf_done(&w->greeting);
    buf_done(&w->request);
    arena_done(&w->arena);
    free(w);
}

static int http_open(const GitUrl *url, const GitWireOpts *o, GitWire **ret, Err *err)
{
    HttpWire *w = NEW(HttpWire);

    (void)err;
    w->w = (GitWire){.ops = &git_wire_http, .stateless = true};
    w->url = url;
    w->o = *o;
    w->base = url->url;
    while (str_ends(w->base, S("/")))
        w->base.n--;
    w->greeting = (Buf)BUF_INIT(LIMIT_GIT_REFS);
    w->request = (Buf)BUF_INIT((size_t)16 << 20);
    w->pool = pool_new(1);
    *ret = &w->w;
    return 0;
}

const GitWireOps git_wire_http = {http_open, http_greeting, http_ask, http_explain, http_free};
