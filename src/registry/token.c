/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearer tokens (distribution's token and OAuth 2 specifications): who may do what is asked at the
 * realm that the registry names, and the answer is kept as long as it is good.
 *
 *      user and password, or nothing   GET  realm?service=..&scope=..   Authorization: Basic
 *      identity token                  POST realm   grant_type=refresh_token&...
 *      registry token                  is the bearer token already (session.c)
 */
#include <time.h>

#include "base/limits.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "registry/internal.h"

enum {
    DEFAULT_LIFE_S = 60, /* the specification's, when the answer does not say */
    LIFE_MAX_S = 24 * 3600,
    TOKENS_MAX = 256, /* per host; older ones are dropped */
};

int64_t registry_now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void token_done(Token *t)
{
    free_at(&t->key);
    free_at(&t->text);
}

void tokens_done(Host *h)
{
    vec_foreach(t, &h->tokens)
        token_done(t);
    vec_done(&h->tokens);
}

/* Scopes and who asks: another credential of the same host must not get this one's token. */
static char *cache_key(const Credential *c, const Str *scopes, size_t n)
{
    cleanup_buf Buf key = BUF_INIT(BUF_SMALL);

    for (size_t i = 0; i < n; i++)
        buf_addf(&key, STR_FMT "\n", STR_ARG(scopes[i]));
    buf_addf(&key, STR_FMT "\n" STR_FMT, STR_ARG(c->source), STR_ARG(c->username));
    return buf_take(&key);
}

static void tokens_remove(Host *h, size_t i)
{
    token_done(&h->tokens.v[i]);
    h->tokens.n--;
    memmove(h->tokens.v + i, h->tokens.v + i + 1, (h->tokens.n - i) * sizeof(Token));
}

static const Token *tokens_find(Host *h, const char *key)
{
    for (size_t i = h->tokens.n; i > 0; i--) {
        Token *t = &h->tokens.v[i - 1];

        if (strcmp(t->key, key) != 0)
            continue;
        if (t->good_until_ms > registry_now_ms())
            return t;
        tokens_remove(h, i - 1);
    }
    return NULL;
}

void token_forget(Host *h, Str used)
{
    for (size_t i = h->tokens.n; i > 0; i--)
        if (str_eq(str_from(h->tokens.v[i - 1].text), used))
            tokens_remove(h, i - 1);
}

static void add_param(Buf *to, const char *name, Str value)
{
    buf_addf(to, "%s%s=", to->n ? "&" : "", name);
    url_escape(value, to);
}

/* service and scopes, as a query. */
static void add_common(Buf *to, const Host *h, const Str *scopes, size_t n)
{
    if (h->service && h->service[0])
        add_param(to, "service", str_from(h->service));
    for (size_t i = 0; i < n; i++)
        add_param(to, "scope", scopes[i]);
}

static int get_with_password(Registry *r, Host *h, const Credential *c, const Str *scopes, size_t n,
                             HttpAnswer *ret, Err *err)
{
    cleanup_buf Buf query = BUF_INIT(BUF_SMALL), plain = BUF_INIT(BUF_SMALL),
                    header = BUF_INIT(BUF_SMALL), url = BUF_INIT(BUF_SMALL);
    HttpHeader auth = {.name = S("Authorization")};

    add_common(&query, h, scopes, n);
    if (c->username.n)
        add_param(&query, "account", c->username);
    buf_addf(&url, "%s%c%s", h->realm, strchr(h->realm, '?') ? '&' : '?', buf_z(&query));
    buf_addf(&plain, STR_FMT ":" STR_FMT, STR_ARG(c->username), STR_ARG(c->password));
    buf_add_z(&header, "Basic ");
    base64_encode(BASE64_STANDARD, buf_str(&plain), &header);
    auth.value = buf_str(&header);
    TRY(buf_check(&url, "the token endpoint's URL", err));
    return host_do(r, h,
                   &(HttpRequest){.method = "GET",
                                  .url = buf_z(&url),
                                  .headers = &auth,
                                  .n_headers = c->username.n ? 1 : 0,
                                  .max_body = LIMIT_TOKEN_BODY},
                   ret, err);
}

static int post_identity_token(Registry *r, Host *h, const Credential *c, const Str *scopes,
                               size_t n, HttpAnswer *ret, Err *err)
{
    static const HttpHeader form = {{"Content-Type", 12},
                                    {"application/x-www-form-urlencoded", 33}};
    cleanup_buf Buf body = BUF_INIT(BUF_SMALL), scope = BUF_INIT(BUF_SMALL);

    for (size_t i = 0; i < n; i++) /* OAuth 2: one parameter, spaces between */
        buf_addf(&scope, "%s" STR_FMT, i ? " " : "", STR_ARG(scopes[i]));
    add_param(&body, "grant_type", S("refresh_token"));
    add_param(&body, "client_id", S("kiln"));
    add_common(&body, h, NULL, 0);
    add_param(&body, "scope", buf_str(&scope));
    add_param(&body, "refresh_token", c->identity_token);
    TRY(buf_check(&body, "the token request", err));
    return host_do(r, h,
                   &(HttpRequest){.method = "POST",
                                  .url = h->realm,
                                  .headers = &form,
                                  .n_headers = 1,
                                  .body = buf_str(&body),
                                  .retry_post = true,
                                  .max_body = LIMIT_TOKEN_BODY},
                   ret, err);
}

/* A registry that cannot do better than plain http must not be a means to read passwords sent to it
   over https, nor to have requests made to this machine's own services. */
static int check_realm(const Host *h, const Credential *c, Err *err)
{
    Str realm = str_from(h->realm);
    bool secret = c->username.n || c->identity_token.n;

    if (!url_is_https(realm) && !(realm.n > 7 && str_eq_nocase(str_head(realm, 7), S("http://"))))
        return err_set(err, ERR_AUTH, "the registry names a token endpoint that is no http URL");
    if (url_is_machine_local(realm) && !host_is_loopback(h->name))
        return err_set(err, ERR_AUTH,
                       "the registry names a token endpoint on this machine (" STR_FMT "): refused",
                       STR_ARG(url_host(realm)));
    if (h->https && !url_is_https(realm) && secret)
        return err_set(err, ERR_AUTH,
                       "the registry names a token endpoint without TLS (" STR_FMT
                       "): no credentials are sent there",
                       STR_ARG(url_host(realm)));
    return 0;
}

static int ask(Registry *r, Host *h, const Credential *c, const Str *scopes, size_t n,
               HttpAnswer *ret, Err *err)
{
    TRY(check_realm(h, c, err));
    if (c->identity_token.n) {
        TRY(post_identity_token(r, h, c, scopes, n, ret, err));
        if ((ret->status != 404 && ret->status != 405) || !c->password.n)
            return 0;
        http_answer_done(ret); /* a realm without OAuth 2: perhaps the password will do */
    }
    return get_with_password(r, h, c, scopes, n, ret, err);
}

static int refused(const Host *h, const Credential *c, const HttpAnswer *answer, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str words = error_words(buf_str(&answer->body), http_header(answer, "content-type"), &a);
    bool denied = answer->status == 400 || answer->status == 401 || answer->status == 403;

    (void)err_set(err, denied ? ERR_AUTH : ERR_HTTP,
                  "token endpoint " STR_FMT ": HTTP %d%s" STR_FMT "; %s" STR_FMT "%s",
                  STR_ARG(url_host(str_from(h->realm))), answer->status, words.n ? ": " : "",
                  STR_ARG(words), c->source.n ? "credentials from " : "no credentials",
                  STR_ARG(c->source), " were sent");
    err->http_status = answer->status;
    return -1;
}

static int read_answer(const HttpAnswer *answer, Token *ret, Err *err)
{
    cleanup_with(json_free_at) Json *j = NULL;
    int64_t life = DEFAULT_LIFE_S;
    Str text;

    TRY(json_parse(buf_str(&answer->body), "token", &j, err));
    if ((!json_get_text(json_find(j, "token"), &text) || text.n == 0) &&
        (!json_get_text(json_find(j, "access_token"), &text) || text.n == 0))
        return err_set(err, ERR_FORMAT, "there is no token in its answer");
    if (json_get_int(json_find(j, "expires_in"), &life) && (life < 0 || life > LIFE_MAX_S))
        life = life < 0 ? 0 : LIFE_MAX_S;
    ret->text = str_dup(text);
    ret->good_until_ms = registry_now_ms() + life * 800; /* renewed when a fifth is left */
    return 0;
}

char *token_find(Host *h, const Credential *c, const Str *scopes, size_t n)
{
    cleanup_free char *key = cache_key(c, scopes, n);
    const Token *held = tokens_find(h, key);

    return held ? xstrdup(held->text) : NULL;
}

int token_get(Registry *r, Host *h, const Credential *c, const Str *scopes, size_t n, char **ret,
              Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    Token t = {0};

    TRY(ask(r, h, c, scopes, n, &answer, err));
    if (answer.status < 200 || answer.status >= 300)
        return refused(h, c, &answer, err);
    if (read_answer(&answer, &t, err) < 0)
        return err_wrap(err, "token endpoint " STR_FMT, STR_ARG(url_host(str_from(h->realm))));
    t.key = cache_key(c, scopes, n);
    *ret = xstrdup(t.text);
    if (h->tokens.n >= TOKENS_MAX)
        tokens_remove(h, 0);
    vec_push(&h->tokens, t);
    return 0;
}
