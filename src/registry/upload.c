/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One blob on its way up:
 *
 *      POST uploads/            202, Location of a session
 *      PATCH location           202, the whole blob as one stream
 *      PUT location?digest=     201
 *
 * A registry behind something that takes no large bodies (413) gets the blob in pieces, smaller ones
 * each time it refuses again, but never smaller than it asks for (OCI-Chunk-Min-Length).
 *
 * When a PATCH breaks, the session is asked how much arrived (GET, Range: 0-N) and the rest is sent;
 * a session that does not answer, or answers with something odd, is given up for a new one. What
 * counts in the end is that the registry accepts the digest, so a wrong guess costs time only.
 */
#include "base/limits.h"
#include "base/log.h"
#include "base/num.h"
#include "registry/internal.h"

int blob_exists(Registry *r, const Endpoint *at, const Descriptor *d, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_http_answer HttpAnswer answer = {0};
    Call call = {.at = at,
                 .path = str_fmt_in(&a, "blobs/%s", d->digest.text),
                 .actions = "pull,push",
                 .http = {.method = "HEAD"}};

    TRY(session_call(r, &call, &answer, err));
    if (answer.status >= 200 && answer.status < 300)
        return 1;
    if (answer.status == 404 || answer.status == 405 || answer.status == 400 ||
        answer.status == 501)
        return 0; /* the last three: a registry without HEAD */
    return registry_fail(r, at, &answer, "look for the blob", err);
}

static int post(Registry *r, const Endpoint *at, Str path, Str mount_from, HttpAnswer *ret,
                Err *err)
{
    Call call = {.at = at,
                 .path = path,
                 .actions = "pull,push",
                 .mount_from = mount_from,
                 .http = {.method = "POST", .retry_post = true}};

    return session_call(r, &call, ret, err);
}

static uint64_t least_piece(const HttpAnswer *answer)
{
    uint64_t n;

    return num_parse_u64(http_header(answer, "oci-chunk-min-length"), LIMIT_FILE_SIZE, &n) ? n : 0;
}

int upload_start(Registry *r, const Endpoint *at, const Descriptor *d, Str mount_from, Arena *a,
                 UploadSession *ret, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};

    if (mount_from.n) {
        cleanup_buf Buf path = BUF_INIT(BUF_SMALL);

        buf_addf(&path, "blobs/uploads/?mount=%s&from=", d->digest.text);
        url_escape(mount_from, &path);
        TRY(post(r, at, buf_str(&path), mount_from, &answer, err));
        if (answer.status == 201)
            return 1;
        if (answer.status != 202) /* refused, or not understood: an ordinary upload will do */
            http_answer_done(&answer);
    }
    if (answer.status == 0)
        TRY(post(r, at, S("blobs/uploads/"), S(""), &answer, err));
    if (answer.status < 200 || answer.status >= 300)
        return registry_fail(r, at, &answer, "start an upload", err);
    ret->least = least_piece(&answer);
    return session_location(r, at, &answer, a, &ret->location, err);
}

typedef struct Upload {
    Registry *r;
    const Endpoint *at;
    const Descriptor *d;
    int fd;
    const RegistryEvents *ev;
    Str name; /* for people */
    Arena arena;
    UploadSession session;
    uint64_t sent;  /* bytes the session has */
    uint64_t piece; /* bytes of one PATCH; 0 = all that is left */
    bool resumed;   /* the session was continued after a break */
    bool no_resume;
} Upload;

#define PIECE_FIRST ((uint64_t)32 << 20) /* bytes */
#define PIECE_LEAST ((uint64_t)64 << 10) /* whoever takes less takes nothing */

/* How a step of the upload ended, beside 0 and -1. */
enum {
    STEP_DONE = 0,
    STEP_BROKEN = 1, /* *err says why; another try may do */
};

static void on_sent(void *ctx, uint64_t n)
{
    const Upload *u = ctx;

    if (u->ev && u->ev->bytes)
        u->ev->bytes(u->ev->ctx, &u->d->digest, u->sent + n, u->d->size);
    if (u->r->opts->progress)
        u->r->opts->progress(u->name, u->sent + n, u->d->size);
}

/* "0-99" or "bytes=0-99": 100 bytes. "0-0" means none as often as one: false, as is anything odd. */
static bool range_end(const HttpAnswer *answer, uint64_t *ret)
{
    Str range = http_header(answer, "range"), from, to;
    uint64_t last;

    if (str_starts(range, S("bytes=")))
        range = str_skip(range, 6);
    if (!str_cut(range, '-', &from, &to) || !str_eq(from, S("0")) ||
        !num_parse_u64(to, LIMIT_FILE_SIZE, &last) || last == 0)
        return false;
    *ret = last + 1;
    return true;
}

static int new_location(Upload *u, const HttpAnswer *answer, Err *err)
{
    if (http_header(answer, "location").n == 0)
        return 0; /* it stays where it was */
    return session_location(u->r, u->at, answer, &u->arena, &u->session.location, err);
}

/* An answer that ends the upload, or the session, or only this try. */
static int judge(Upload *u, const HttpAnswer *answer, const char *what, Err *err)
{
    int status = answer->status;

    (void)(registry_fail(u->r, u->at, answer, what, err) < 0);
    if (status == 404 || status == 416 || http_status_is_temporary(status)) {
        if (status == 404)
            u->session.location = S("");
        return STEP_BROKEN;
    }
    if (u->resumed && status == 400) { /* the pieces do not fit together */
        u->session.location = S("");
        u->no_resume = true;
        return STEP_BROKEN;
    }
    return -1;
}

static int transport_broke(const Err *err)
{
    return err->kind == ERR_NET ? STEP_BROKEN : -1;
}

/* Something on the way would not take so much at once. False when it cannot get smaller. */
static bool take_smaller_pieces(Upload *u, uint64_t refused)
{
    uint64_t piece = refused > PIECE_FIRST ? PIECE_FIRST : refused / 4;

    if (piece < u->session.least)
        piece = u->session.least;
    if (piece < PIECE_LEAST || piece >= refused)
        return false;
    u->piece = piece;
    log_debug("upload of %s: in pieces of %ju bytes", u->d->digest.text, (uintmax_t)piece);
    return true;
}

/* What is left, or a piece of it. */
static int send_piece(Upload *u, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    uint64_t left = u->d->size - u->sent, n = u->piece && u->piece < left ? u->piece : left, has;
    HttpHeader headers[2] = {{S("Content-Type"), S("application/octet-stream")},
                             {S("Content-Range"), S("")}};
    Call call = {.at = u->at,
                 .url = u->session.location,
                 .actions = "pull,push",
                 .http = {.method = "PATCH",
                          .headers = headers,
                          .n_headers = u->sent || n < left ? 2 : 1,
                          .has_body_fd = true,
                          .body_fd = u->fd,
                          .body_fd_at = u->sent,
                          .body_fd_n = n,
                          .on_sent = on_sent,
                          .on_sent_ctx = u}};

    headers[1].value =
        str_fmt_in(&u->arena, "%ju-%ju", (uintmax_t)u->sent, (uintmax_t)(u->sent + n - 1));
    if (session_call(u->r, &call, &answer, err) < 0)
        return transport_broke(err);
    if (answer.status == 413 && take_smaller_pieces(u, n))
        return STEP_DONE;
    if (answer.status < 200 || answer.status >= 300)
        return judge(u, &answer, "upload", err);
    TRY(new_location(u, &answer, err));
    u->sent += n;
    if (range_end(&answer, &has) && has < u->sent) {
        u->sent = has; /* it took a part: the next round sends the rest */
        (void)err_set(err, ERR_NET, "the registry took %ju of %ju bytes", (uintmax_t)has,
                      (uintmax_t)u->d->size);
        return STEP_BROKEN;
    }
    return STEP_DONE;
}

static int commit(Upload *u, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    cleanup_buf Buf url = BUF_INIT(BUF_SMALL);
    Call call = {.at = u->at, .actions = "pull,push", .http = {.method = "PUT", .no_retry = true}};

    buf_addf(&url, STR_FMT "%cdigest=", STR_ARG(u->session.location),
             memchr(u->session.location.p, '?', u->session.location.n) ? '&' : '?');
    url_escape(str_from(u->d->digest.text), &url);
    TRY(buf_check(&url, "the upload's Location", err));
    call.url = buf_str(&url);
    if (session_call(u->r, &call, &answer, err) < 0)
        return transport_broke(err);
    if (answer.status < 200 || answer.status >= 300)
        return judge(u, &answer, "finish the upload", err);
    return STEP_DONE;
}

static int one_try(Upload *u, Err *err)
{
    int step;

    if (u->session.location.n == 0) {
        u->sent = 0;
        u->resumed = false;
        TRY(upload_start(u->r, u->at, u->d, S(""), &u->arena, &u->session, err));
    }
    while (u->sent < u->d->size) {
        step = send_piece(u, err);
        if (step != STEP_DONE)
            return step;
    }
    return commit(u, err);
}

/* After a break: how much has arrived? No good answer ends the session. */
static int ask_session(Upload *u, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    Call call = {.at = u->at,
                 .url = u->session.location,
                 .actions = "pull,push",
                 .http = {.method = "GET"}};
    uint64_t has;
    Err ignored;

    if (u->session.location.n == 0)
        return 0;
    if (!u->no_resume && session_call(u->r, &call, &answer, &ignored) < 0 &&
        ignored.kind == ERR_CANCELLED) {
        *err = ignored;
        return -1;
    }
    if (answer.status < 200 || answer.status >= 300 || !range_end(&answer, &has) ||
        has > u->d->size) {
        upload_cancel(u->r, u->at, u->session.location);
        u->session.location = S("");
        return 0;
    }
    log_debug("upload of %s goes on at %ju", u->d->digest.text, (uintmax_t)has);
    u->sent = has;
    u->resumed = true;
    return new_location(u, &answer, err);
}

/* The last answer may have been lost on its way: the blob may be there. */
static int recover(Upload *u, unsigned failures, Err *err)
{
    int there;

    TRY(http_pause(http_backoff_ms(u->r->pause_ms, failures), &u->r->hurry, err));
    TRY(there = blob_exists(u->r, u->at, u->d, err));
    if (there)
        return 1;
    return ask_session(u, err);
}

static void upload_done(Upload *u)
{
    arena_done(&u->arena);
}

int upload_run(Registry *r, const Endpoint *at, const Descriptor *d, const UploadSession *session,
               int fd, const RegistryEvents *ev, Err *err)
{
    cleanup_with(upload_done)
        Upload u = {.r = r, .at = at, .d = d, .fd = fd, .ev = ev, .session = *session};
    unsigned failures = 0;

    u.name = transfer_name("pushing", at, &d->digest, &u.arena);
    for (;;) {
        uint64_t before = u.sent;
        int64_t begun = registry_now_ms(), took;
        int step = one_try(&u, err), there;

        if (step <= 0)
            return step;
        took = registry_now_ms() - begun;
        log_debug("upload of %s: %s", d->digest.text, err->msg);
        if (failures >= HTTP_RETRIES)
            return err_wrap(err, "%u tries", failures + 1);
        TRY(there = recover(&u, failures, err));
        if (there)
            return 0;
        failures = u.sent >= before + HTTP_PROGRESS ? 0 : failures + 1;
        if (failures && http_hurry_ends(&r->hurry, failures, took))
            return err_wrap(err, "%u tries", failures);
    }
}

void upload_cancel(Registry *r, const Endpoint *at, Str location)
{
    cleanup_http_answer HttpAnswer answer = {0};
    Call call = {.at = at,
                 .url = location,
                 .actions = "pull,push",
                 .http = {.method = "DELETE", .no_retry = true}};
    Err ignored;

    (void)(session_call(r, &call, &answer, &ignored) < 0);
}
