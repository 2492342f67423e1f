/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to one host: which scheme it speaks, whether it wants to know who we are, and the
 * header that tells it.
 *
 * The first contact with a host is GET /v2/, as every client does it: the answer settles https or
 * http and brings the challenge, so that later requests carry their authorization from the start and
 * a body is never sent twice. A 401 in spite of that (a token that ran out, a scope we did not think
 * of, a registry that asks only when it comes to it) is answered once with fresh authorization.
 */
#include "base/log.h"
#include "codec/base64.h"
#include "registry/internal.h"

enum {
    PROBE_TIMEOUT_S = 5, /* for https where http is allowed as well */
    SCOPES_MAX = 3,
    QUICK_TRIES = 2,
    QUICK_PAUSE_MS = 200,
    QUICK_ERROR_MS = 1000,
};

void host_free(Host *h)
{
    if (!h)
        return;
    tokens_done(h);
    vec_foreach(x, &h->admitted)
        free(x->repository);
    vec_done(&h->admitted);
    free(h->key);
    free(h->realm);
    free(h->service);
    (void)pthread_mutex_destroy(&h->contact_lock);
    (void)pthread_mutex_destroy(&h->lock);
    free(h);
}

static Str text_or_empty(const char *z)
{
    return z ? str_from(z) : S("");
}

/* Everything that makes two contacts with a host different is part of its key. */
static Host *host_get(Registry *r, const Endpoint *at)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str ca = text_or_empty(at->tls.ca_file), cert = text_or_empty(at->tls.client_cert);
    Str key = str_fmt_in(&a, STR_FMT "\n%d%d\n" STR_FMT "\n" STR_FMT, STR_ARG(at->host),
                         at->may_http, at->tls.skip_verify, STR_ARG(ca), STR_ARG(cert));
    Host *found = NULL;

    (void)pthread_mutex_lock(&r->shared->lock);
    vec_foreach(h, &r->shared->hosts)
        if (str_eq(str_from((*h)->key), key))
            found = *h;
    if (!found) {
        found = NEW(Host);
        found->key = str_dup(key);
        found->name = str_head(str_from(found->key), at->host.n);
        found->tls = at->tls;
        found->use = at->use;
        (void)pthread_mutex_init(&found->contact_lock, NULL);
        (void)pthread_mutex_init(&found->lock, NULL);
        vec_push(&r->shared->hosts, found);
    }
    (void)pthread_mutex_unlock(&r->shared->lock);
    return found;
}

typedef struct Elsewhere {
    const Registry *r;
    const Host *h;
    HttpTls tls;
} Elsewhere;

/*
 * A token endpoint or a store of blobs on another host. Its own options count, its own client
 * certificate too; for the rest it is trusted as the registry is, that has named it over a
 * connection of its own. Nothing is lost by that: whoever can pretend to be the registry can name
 * any place, and blobs are known by their digests.
 */
static const HttpTls *tls_elsewhere(void *ctx, Str host)
{
    Elsewhere *e = ctx;

    e->tls = tls_for(e->r, host, e->h->use);
    if (!e->tls.ca_file)
        e->tls.ca_file = e->h->tls.ca_file;
    e->tls.skip_verify = e->tls.skip_verify || e->h->tls.skip_verify;
    return &e->tls;
}

int host_do(Registry *r, const Host *h, HttpRequest *http, HttpAnswer *ret, Err *err)
{
    Elsewhere first = {.r = r, .h = h}, later = {.r = r, .h = h};
    Str host = url_host(str_from(http->url));

    http->tls = str_eq_nocase(host, h->name) ? &h->tls : tls_elsewhere(&first, host);
    http->tls_elsewhere = tls_elsewhere;
    http->tls_ctx = &later;
    http->hurry = &r->hurry;
    http->patience_ms = r->patience_ms;
    return http_do(r->http, http, ret, err);
}

static void set_text(char **p, Str s)
{
    free(*p);
    *p = str_dup(s);
}

/* Take the best challenge we can meet; *ret_scope is what the registry wants to see, or "". */
static void host_learn(Host *h, const HttpAnswer *answer, Arena *a, Str *ret_scope)
{
    cleanup_with(challenges_done) ChallengeVec all = {0};
    AuthScheme best = AUTH_NONE;

    *ret_scope = S("");
    vec_foreach(header, &answer->headers)
        if (str_eq(header->name, S("www-authenticate")))
            challenge_parse(a, header->value, &all);
    vec_foreach(c, &all) {
        Str realm = challenge_param(c, "realm");

        if (challenge_is(c, "Bearer") && realm.n && best != AUTH_BEARER) {
            best = AUTH_BEARER;
            set_text(&h->realm, realm);
            set_text(&h->service, challenge_param(c, "service"));
            *ret_scope = challenge_param(c, "scope");
        } else if (challenge_is(c, "Basic") && best == AUTH_NONE) {
            best = AUTH_BASIC;
        }
    }
    if (best != AUTH_NONE)
        h->scheme = best;
}

static int ping_over(Registry *r, Host *h, bool https, bool probe, HttpAnswer *ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str url = str_fmt_in(&a, "%s://" STR_FMT "/v2/", https ? "https" : "http", STR_ARG(h->name));

    return host_do(r, h,
                   &(HttpRequest){.method = "GET",
                                  .url = url.p,
                                  .no_retry = probe,
                                  .connect_timeout_s = probe ? PROBE_TIMEOUT_S : 0},
                   ret, err);
}

/* https; where http is allowed, that too, but never instead of a certificate that is wrong. */
static int ping(Registry *r, Host *h, bool may_http, bool quick, HttpAnswer *ret, Err *err)
{
    Err plain;

    h->https = true;
    if (!may_http)
        return ping_over(r, h, true, quick, ret, err);
    if (ping_over(r, h, true, true, ret, err) == 0)
        return 0;
    if (err->kind != ERR_NET)
        return -1;
    log_debug(STR_FMT ": no https (%s), trying http", STR_ARG(h->name), err->msg);
    if (ping_over(r, h, false, quick, ret, &plain) < 0) {
        if (plain.kind == ERR_CANCELLED)
            *err = plain;
        return -1;
    }
    if (ret->status == 400) { /* what a TLS server says to plain http */
        http_answer_done(ret);
        return -1;
    }
    h->https = false;
    return 0;
}

static int make_contact(Registry *r, Host *h, const Endpoint *at, bool quick, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    cleanup_arena Arena a = ARENA_INIT;
    Str scope;

    TRY(ping(r, h, at->may_http, quick, &answer, err));
    if (http_status_is_temporary(answer.status))
        return registry_fail(r, at, &answer, "GET /v2/", err);
    if (answer.status == 401) {
        (void)pthread_mutex_lock(&h->lock);
        host_learn(h, &answer, &a, &scope);
        (void)pthread_mutex_unlock(&h->lock);
    }
    atomic_store(&h->known, true);
    return 0;
}

/* --- failures that callers share: with those who are as patient, or less --- */

static unsigned failures_count(const Failures *f, bool patient)
{
    return atomic_load(patient ? &f->patient : &f->all);
}

static void failures_note(Failures *f, bool patient, const Err *err)
{
    f->last = *err;
    (void)atomic_fetch_add(&f->all, 1);
    if (patient)
        (void)atomic_fetch_add(&f->patient, 1);
}

/* First contact, once. */
static int host_contact(Registry *r, Host *h, const Endpoint *at, bool quick, Err *err)
{
    bool patient = !quick && is_patient(r);
    unsigned before = failures_count(&h->contact, patient);
    int rc = 0;

    if (atomic_load(&h->known))
        return 0;
    (void)pthread_mutex_lock(&h->contact_lock);
    if (atomic_load(&h->known)) {
        rc = 0;
    } else if (failures_count(&h->contact, patient) != before) {
        *err = h->contact.last;
        rc = -1;
    } else {
        rc = make_contact(r, h, at, quick, err);
        if (rc < 0)
            failures_note(&h->contact, !quick && is_patient(r), err);
    }
    (void)pthread_mutex_unlock(&h->contact_lock);
    return rc;
}

/* A connection that is refused or reset at once is worth a second try, a time-out is not. */
static int contact_quickly(Registry *r, const Endpoint *at, Err *err)
{
    Host *h = host_get(r, at);

    for (unsigned tries = 1;; tries++) {
        int64_t begun = registry_now_ms();

        if (host_contact(r, h, at, true, err) == 0)
            return 0;
        if (tries == QUICK_TRIES || !error_may_pass(err) ||
            registry_now_ms() - begun > QUICK_ERROR_MS)
            return -1;
        TRY(http_pause(QUICK_PAUSE_MS, &r->hurry, err));
    }
}

int registry_contact(Registry *r, const Reference *ref, bool for_push, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    EndpointVec all = {0};
    int rc = -1;

    endpoints_find(r, ref, for_push ? USE_PUSH : USE_PULL, &a, &all);
    for (size_t i = 0; rc < 0 && i < all.n; i++)
        rc = contact_quickly(r, &all.v[i], err);
    vec_done(&all);
    return rc < 0 ? registry_wrap(ref, err) : 0;
}

/* A call in the name of one candidate. */
typedef struct Attempt {
    unsigned nth; /* of creds_find() */
    Str scope;    /* what a challenge asked for, or "" */
    bool patient;
    unsigned token_failures; /* before it waited for the host's lock */
} Attempt;

/* How it ended. */
typedef struct Outcome {
    int rc;     /* 0: answer; -1: err */
    bool named; /* with credentials or a token */
    HttpAnswer answer;
    Err err;
} Outcome;

typedef struct Scopes {
    Str v[SCOPES_MAX];
    size_t n;
} Scopes;

/* What a call needs; 'extra' is what a challenge named. */
static Scopes call_scopes(const Call *call, Str extra, Arena *a)
{
    Scopes s = {.n = 1};

    s.v[0] =
        str_fmt_in(a, "repository:" STR_FMT ":%s", STR_ARG(call->at->repository), call->actions);
    if (call->mount_from.n)
        s.v[s.n++] = str_fmt_in(a, "repository:" STR_FMT ":pull", STR_ARG(call->mount_from));
    for (size_t i = 0; i < s.n; i++)
        if (str_eq(s.v[i], extra))
            return s;
    if (extra.n)
        s.v[s.n++] = extra;
    return s;
}

static Str basic_header(const Credential *c, Arena *a)
{
    cleanup_buf Buf plain = BUF_INIT(BUF_SMALL), header = BUF_INIT(BUF_SMALL);

    buf_addf(&plain, STR_FMT ":" STR_FMT, STR_ARG(c->username), STR_ARG(c->password));
    buf_add_z(&header, "Basic ");
    base64_encode(BASE64_STANDARD, buf_str(&plain), &header);
    return str_dup_in(a, buf_str(&header));
}

/* For everything the call wants; a token endpoint that balks at a second repository is asked for the
   first alone, and the mount will be refused instead. */
static int ask_for_token(Registry *r, Host *h, const Credential *c, const Scopes *s, char **ret,
                         Err *err)
{
    int rc = token_get(r, h, c, s->v, s->n, ret, err);

    if (rc < 0 && s->n > 1 && err->kind == ERR_AUTH) {
        *ret = token_find(h, c, s->v, 1);
        rc = *ret ? 0 : token_get(r, h, c, s->v, 1, ret, err);
    }
    return rc;
}

/* NOLINTNEXTLINE(readability-function-size): who asks whom, for what */
static int bearer_header(Registry *r, Host *h, const Credential *c, const Scopes *s,
                         const Attempt *t, Arena *a, Str *ret, Err *err)
{
    cleanup_free char *token = NULL;

    if (c->registry_token.n) {
        *ret = str_fmt_in(a, "Bearer " STR_FMT, STR_ARG(c->registry_token));
        return 0;
    }
    token = token_find(h, c, s->v, s->n);
    if (!token && failures_count(&h->token, t->patient) != t->token_failures) {
        *err = h->token.last;
        return -1;
    }
    if (!token && ask_for_token(r, h, c, s, &token, err) < 0) {
        if (error_may_pass(err)) /* a refusal is of one caller */
            failures_note(&h->token, is_patient(r), err);
        return -1;
    }
    *ret = str_fmt_in(a, "Bearer %s", token);
    return 0;
}

/* A program that should have known somebody is the likely reason for a refusal: say so. */
static int refused_without(const Err *why, Err *err)
{
    Err refusal = *err;

    if (why->kind == ERR_NONE || refusal.kind != ERR_AUTH)
        return -1;
    (void)err_set(err, ERR_AUTH, "%s (%s)", refusal.msg, why->msg);
    err->http_status = refusal.http_status;
    return -1;
}

/*
 * The value of Authorization as the nth candidate has it, or "". 0 = there is no such candidate (the
 * first may always go, without a name). The host is locked.
 */
static int authorization(Registry *r, Host *h, const Call *call, const Attempt *t, Arena *a,
                         Str *ret, Err *err)
{
    Credential c = CREDENTIAL_NONE;
    Err why = {0};
    int found = 0;

    *ret = S("");
    if (h->scheme == AUTH_NONE)
        return t->nth == 0;
    found = creds_find(r->creds, call->at->registry, call->at->repository, t->nth, &c, &why);
    if (found <= 0 && t->nth > 0)
        return 0;
    if (h->scheme == AUTH_BEARER) {
        Scopes s = call_scopes(call, t->scope, a);

        return bearer_header(r, h, &c, &s, t, a, ret, err) < 0 ? refused_without(&why, err) : 1;
    }
    if (found > 0 && c.username.n)
        *ret = basic_header(&c, a);
    return 1;
}

/* Is it this host that gets the credentials? A Location may lead anywhere. */
static bool is_of_host(const Call *call, const Host *h, Str url)
{
    cleanup_arena Arena a = ARENA_INIT;

    return !call->url.n ||
           url_same_origin(url, str_fmt_in(&a, "%s://" STR_FMT "/", h->https ? "https" : "http",
                                           STR_ARG(h->name)));
}

static int send_call(Registry *r, const Host *h, const Call *call, Str url, Str auth,
                     HttpAnswer *ret, Err *err)
{
    HttpRequest http = call->http;
    HttpHeader *headers = NEW_N(HttpHeader, http.n_headers + 1);
    int result;

    if (http.n_headers)
        memcpy(headers, http.headers, http.n_headers * sizeof(*headers));
    if (auth.n)
        headers[http.n_headers++] = (HttpHeader){S("Authorization"), auth};
    http.headers = headers;
    http.url = url.p;
    result = host_do(r, h, &http, ret, err);
    free(headers);
    return result;
}

static Str call_url(const Call *call, const Host *h, Arena *a)
{
    if (call->url.n)
        return str_dup_in(a, call->url);
    return str_fmt_in(a, "%s://" STR_FMT "/v2/" STR_FMT "/" STR_FMT, h->https ? "https" : "http",
                      STR_ARG(h->name), STR_ARG(call->at->repository), STR_ARG(call->path));
}

/* After a 401: is there anything new to say? */
static bool learn_more(Host *h, const HttpAnswer *answer, Str auth, Arena *a, Str *ret_scope)
{
    AuthScheme before;
    bool more;

    (void)pthread_mutex_lock(&h->lock);
    before = h->scheme;
    host_learn(h, answer, a, ret_scope);
    if (str_starts(auth, S("Bearer ")))
        token_forget(h, str_skip(auth, 7)); /* unless another thread has renewed it by now */
    more = h->scheme == AUTH_BEARER || (h->scheme != before && auth.n == 0);
    (void)pthread_mutex_unlock(&h->lock);
    return more;
}

/* Which candidate was let in for this repository the last time. Not under the host's lock: that is
   held as long as a token takes. */
static unsigned admitted_get(Registry *r, Host *h, const Call *call)
{
    unsigned nth = 0;

    (void)pthread_mutex_lock(&r->shared->lock);
    vec_foreach(x, &h->admitted)
        if (str_eq(str_from(x->repository), call->at->repository) &&
            strcmp(x->actions, call->actions) == 0)
            nth = x->nth;
    (void)pthread_mutex_unlock(&r->shared->lock);
    return nth;
}

static void admitted_set(Registry *r, Host *h, const Call *call, unsigned nth)
{
    Admitted fresh = {.actions = call->actions, .nth = nth};
    bool known = false;

    (void)pthread_mutex_lock(&r->shared->lock);
    vec_foreach(x, &h->admitted) {
        if (str_eq(str_from(x->repository), call->at->repository) &&
            strcmp(x->actions, call->actions) == 0) {
            x->nth = nth;
            known = true;
        }
    }
    if (!known) {
        fresh.repository = str_dup(call->at->repository);
        vec_push(&h->admitted, fresh);
    }
    (void)pthread_mutex_unlock(&r->shared->lock);
}

static void outcome_done(Outcome *o)
{
    http_answer_done(&o->answer);
}

/* Refused for who we are, so that somebody else may fare better? */
static bool is_denied(const Outcome *o)
{
    if (o->rc < 0)
        return o->err.kind == ERR_AUTH && o->err.http_status;
    return o->named && (o->answer.status == 401 || o->answer.status == 403);
}

/* One candidate's try: an answer, or an error in o->err. 0 = there is no such candidate. */
static int call_as(Registry *r, Host *h, const Call *call, unsigned nth, Outcome *o)
{
    cleanup_arena Arena a = ARENA_INIT;
    Attempt t = {.nth = nth, .scope = S(""), .patient = is_patient(r)};
    Err *err = &o->err;

    o->rc = -1;
    for (bool first = true;; first = false) {
        cleanup_http_answer HttpAnswer answer = {0};
        Str url, auth = S("");
        bool ours;
        int ready = nth == 0;

        if (host_contact(r, h, call->at, false, err) < 0)
            return 1;
        url = call_url(call, h, &a);
        ours = is_of_host(call, h, url);
        if (ours) {
            t.token_failures = failures_count(&h->token, t.patient);
            (void)pthread_mutex_lock(&h->lock);
            ready = authorization(r, h, call, &t, &a, &auth, err);
            (void)pthread_mutex_unlock(&h->lock);
        }
        if (ready <= 0)
            return ready < 0;
        if (send_call(r, h, call, url, auth, &answer, err) < 0)
            return 1;
        if (answer.status != 401 || !first || !ours ||
            !learn_more(h, &answer, auth, &a, &t.scope)) {
            o->rc = 0;
            o->named = auth.n > 0;
            o->answer = answer;
            answer = (HttpAnswer){0};
            return 1;
        }
    }
}

/* What is reported when nobody is let in is what the first was told. */
int session_call(Registry *r, const Call *call, HttpAnswer *ret, Err *err)
{
    Host *h = host_get(r, call->at);
    unsigned best = admitted_get(r, h, call), nth = best;
    cleanup_with(outcome_done) Outcome first = {0};

    (void)call_as(r, h, call, nth, &first);
    for (unsigned n = 0; is_denied(&first); n++) {
        cleanup_with(outcome_done) Outcome other = {0};

        if (n == best)
            continue;
        if (call_as(r, h, call, n, &other) == 0)
            break;
        if (is_denied(&other))
            continue;
        nth = n;
        outcome_done(&first);
        first = other;
        other = (Outcome){0};
    }
    if (nth != best && first.rc == 0)
        admitted_set(r, h, call, nth);
    if (first.rc < 0) {
        *err = first.err;
        return -1;
    }
    *ret = first.answer;
    first.answer = (HttpAnswer){0};
    return 0;
}

/*
 * A registry behind a proxy that ends TLS often thinks it is asked over http and says so in its
 * Location. The same host over the scheme that is known to work is what it means.
 */
static Str repair_scheme(const Host *h, Str url, Arena *a)
{
    Str host = url_host(url);

    if (!h->https || url_is_https(url) || !str_eq_nocase(host, h->name))
        return url;
    return str_fmt_in(a, "https://" STR_FMT, STR_ARG(str_skip(url, (size_t)(host.p - url.p))));
}

int session_location(Registry *r, const Endpoint *at, const HttpAnswer *answer, Arena *a, Str *ret,
                     Err *err)
{
    Str location = http_header(answer, "location");

    if (location.n == 0)
        return err_set(err, ERR_FORMAT, "the registry's answer has no Location");
    TRY(url_resolve(a, answer->final_url, location, ret, err));
    if (url_is_machine_local(*ret) && !host_is_loopback(at->host))
        return err_set(err, ERR_FORMAT,
                       "the registry's Location is on this machine (" STR_FMT "): refused",
                       STR_ARG(url_host(*ret)));
    *ret = repair_scheme(host_get(r, at), *ret, a);
    return 0;
}
