/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google's "application default credentials":
 *
 *      GOOGLE_APPLICATION_CREDENTIALS                       a file, by its "type":
 *      ~/.config/gcloud/application_default_credentials.json     service_account, authorized_user,
 *                                                           impersonated_service_account,
 *                                                           external_account
 *      the metadata server                                  GCE, GKE Workload Identity, Cloud Build
 */
#include <fcntl.h>

#include "base/limits.h"
#include "base/log.h"
#include "cloud/internal.h"
#include "codec/base64.h"
#include "codec/hmac.h"
#include "os/file.h"

#define TOKEN_URL  "https://oauth2.googleapis.com/token"
#define METADATA   "169.254.169.254" /* not its name: a proxy must not be asked for it */
#define TOKEN_PATH "/computeMetadata/v1/instance/service-accounts/default/token"
#define JWT_GRANT  "urn:ietf:params:oauth:grant-type:jwt-bearer"

enum {
    JWT_LIFE_S = 3600, /* the most Google takes */
    LEEWAY_S = 10,     /* our clock may be ahead */
};

/* --- what is read once --- */

Str google_text(const Json *key, const char *name)
{
    Str s;

    return json_get_text(json_find(key, name), &s) ? s : S("");
}

static int read_key(Google *g, const char *path, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_AUTH_FILE);
    Json *subject;

    TRY(file_read(AT_FDCWD, path, &text, err));
    TRY(json_parse(buf_str(&text), path, &g->key, err));
    if (google_text(g->key, "type").n == 0)
        return err_set(err, ERR_FORMAT, "%s: not a file of Google credentials (it has no \"type\")",
                       path);
    subject = json_find(json_find(g->key, "credential_source"), "file");
    if (subject)
        token_file_open(&g->subject, google_text(json_find(g->key, "credential_source"), "file"));
    return 0;
}

static Str default_path(Cloud *c)
{
    Str dir = cloud_variable(c, "CLOUDSDK_CONFIG"), home = cloud_variable(c, "HOME");

    if (dir.n)
        return str_fmt_in(&c->arena, STR_FMT "/application_default_credentials.json", STR_ARG(dir));
    if (home.n)
        return str_fmt_in(&c->arena, STR_FMT "/.config/gcloud/application_default_credentials.json",
                          STR_ARG(home));
    return S("");
}

void google_load(Cloud *c)
{
    Google *g = &c->google;
    bool named;

    kept_init(&g->tokens);
    token_file_open(&g->subject, S(""));
    g->key_path = cloud_variable(c, "GOOGLE_APPLICATION_CREDENTIALS");
    named = g->key_path.n > 0;
    if (!named)
        g->key_path = default_path(c);
    if (g->key_path.n == 0 || read_key(g, g->key_path.p, &g->trouble) == 0)
        return;
    if (!named && (g->trouble.kind == ERR_NOT_FOUND ||
                   (g->trouble.kind == ERR_SYS && g->trouble.os_errno == ENOTDIR))) {
        g->trouble = (Err){0};
        g->key_path = S("");
    } else if (named) {
        (void)err_wrap(&g->trouble, "GOOGLE_APPLICATION_CREDENTIALS");
    }
}

void google_done(Google *g)
{
    kept_done(&g->tokens);
    token_file_done(&g->subject);
    json_free(g->key);
}

/* --- a service account's key --- */

static void add_part(Buf *out, const Json *j)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    json_format(j, 0, &text);
    base64_encode(BASE64_URL, buf_str(&text), out);
}

int google_jwt(const Json *key, Str audience, Buf *out, Err *err)
{
    cleanup_with(json_free_at) Json *header = json_new_map(), *claims = json_new_map();
    cleanup_buf Buf signature = BUF_INIT(BUF_SMALL);
    int64_t now = now_s();

    json_set_text(header, "alg", S("RS256"));
    json_set_text(header, "typ", S("JWT"));
    if (google_text(key, "private_key_id").n)
        json_set_text(header, "kid", google_text(key, "private_key_id"));
    json_set_text(claims, "iss", google_text(key, "client_email"));
    json_set_text(claims, "scope", S(GOOGLE_SCOPE));
    json_set_text(claims, "aud", audience);
    json_set(claims, "iat", json_new_int(now - LEEWAY_S));
    json_set(claims, "exp", json_new_int(now - LEEWAY_S + JWT_LIFE_S));
    add_part(out, header);
    buf_add_char(out, '.');
    add_part(out, claims);
    TRY(rs256_sign(google_text(key, "private_key"), buf_str(out), &signature, err));
    buf_add_char(out, '.');
    base64_encode(BASE64_URL, buf_str(&signature), out);
    return buf_check(out, "the JWT", err);
}

static Str token_uri(const Json *key)
{
    Str uri = google_text(key, "token_uri");

    return uri.n ? uri : S(TOKEN_URL);
}

static int by_service_account(Cloud *c, const Json *key, Arena *a, Secret *ret, Err *err)
{
    cleanup_with(json_free_at) Json *answer = NULL;
    cleanup_buf Buf jwt = BUF_INIT(BUF_SMALL), form = BUF_INIT(BUF_SMALL);
    const char *what = "Google token endpoint";
    Str email = google_text(key, "client_email");

    if (email.n == 0)
        return err_set(err, ERR_FORMAT, "the service account's key has no client_email");
    TRY(google_jwt(key, token_uri(key), &jwt, err));
    form_add(&form, "grant_type", S(JWT_GRANT));
    form_add(&form, "assertion", buf_str(&jwt));
    if (post_form(c, token_uri(key), &form, what, &answer, err) < 0) {
        if (err->kind == ERR_AUTH && strstr(err->msg, "invalid_grant"))
            return err_wrap(err, "the service account's key was not taken (was it deleted?)");
        return -1;
    }
    TRY(oauth_token(answer, what, a, ret, err));
    ret->source = str_fmt_in(a, "the Google service account " STR_FMT, STR_ARG(email));
    return 1;
}

static int by_refresh_token(Cloud *c, const Json *key, Arena *a, Secret *ret, Err *err)
{
    cleanup_with(json_free_at) Json *answer = NULL;
    cleanup_buf Buf form = BUF_INIT(BUF_SMALL);
    const char *what = "Google token endpoint";

    form_add(&form, "grant_type", S("refresh_token"));
    form_add(&form, "client_id", google_text(key, "client_id"));
    form_add(&form, "client_secret", google_text(key, "client_secret"));
    form_add(&form, "refresh_token", google_text(key, "refresh_token"));
    if (post_form(c, token_uri(key), &form, what, &answer, err) < 0) {
        if (err->kind == ERR_AUTH && strstr(err->msg, "invalid_grant"))
            return err_wrap(err,
                            "the user's login has expired (gcloud auth application-default login)");
        return -1;
    }
    TRY(oauth_token(answer, what, a, ret, err));
    ret->source = S("the Google user's login");
    return 1;
}

/* --- impersonation --- */

static int read_impersonated(const HttpAnswer *answer, const char *what, Arena *a, Secret *ret,
                             Err *err)
{
    cleanup_with(json_free_at) Json *j = NULL;
    Str token, until;

    TRY(json_parse(buf_str(&answer->body), what, &j, err));
    token = google_text(j, "accessToken");
    until = google_text(j, "expireTime");
    *ret = (Secret){.text = str_dup_in(a, token), .source = S("an impersonated service account")};
    if (token.n == 0 || !when_parse_iso(until, &ret->until_s))
        return err_set(err, ERR_FORMAT, "%s: there is no accessToken in the answer", what);
    return 1;
}

int google_impersonate(Cloud *c, Str url, Str token, Arena *a, Secret *ret, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    const char *what = "Google service account impersonation";
    HttpHeader headers[] = {{S("Content-Type"), S("application/json")},
                            {S("Authorization"), str_fmt_in(a, "Bearer " STR_FMT, STR_ARG(token))}};

    if (http_do(c->http,
                &(HttpRequest){.method = "POST",
                               .url = str_dup_in(a, url).p,
                               .headers = headers,
                               .n_headers = ARRAY_LEN(headers),
                               .body = S("{\"scope\":[\"" GOOGLE_SCOPE "\"]}"),
                               .retry_post = true,
                               .max_body = LIMIT_TOKEN_BODY},
                &answer, err) < 0)
        return err_wrap(err, "%s", what);
    if (answer.status != 200)
        return answer_refused(&answer, what,
                              "the caller needs roles/iam.serviceAccountTokenCreator or "
                              "roles/iam.workloadIdentityUser on that account",
                              err);
    return read_impersonated(&answer, what, a, ret, err);
}

static int by_type(Cloud *c, const Json *key, bool nested, Arena *a, Secret *ret, Err *err);

static int by_impersonation(Cloud *c, const Json *key, Arena *a, Secret *ret, Err *err)
{
    Str url = google_text(key, "service_account_impersonation_url");
    Secret source;

    if (url.n == 0)
        return err_set(err, ERR_FORMAT, "there is no service_account_impersonation_url");
    TRY(by_type(c, json_find(key, "source_credentials"), true, a, &source, err));
    return google_impersonate(c, url, source.text, a, ret, err);
}

static int by_type(Cloud *c, const Json *key, bool nested, Arena *a, Secret *ret, Err *err)
{
    Str type = google_text(key, "type");

    if (str_eq(type, S("service_account")))
        return by_service_account(c, key, a, ret, err);
    if (str_eq(type, S("authorized_user")))
        return by_refresh_token(c, key, a, ret, err);
    if (str_eq(type, S("impersonated_service_account")) && !nested)
        return by_impersonation(c, key, a, ret, err);
    if (str_eq(type, S("external_account")) && !nested)
        return google_external_token(c, a, ret, err);
    return err_set(err, ERR_UNSUPPORTED,
                   "credentials of the type \"" STR_FMT
                   "\" are not supported: use service_account, "
                   "authorized_user, impersonated_service_account or external_account",
                   STR_ARG(type));
}

/* --- the metadata server --- */

/* 0 = there is none. */
static int by_metadata(Cloud *c, Arena *a, Secret *ret, Err *err)
{
    static const HttpHeader flavor = {STR_LIT("Metadata-Flavor"), STR_LIT("Google")};
    cleanup_http_answer HttpAnswer answer = {0};
    cleanup_with(json_free_at) Json *j = NULL;
    const char *what = "Google metadata server";
    Str host = cloud_variable(c, "GCE_METADATA_HOST");
    bool named = host.n > 0;
    Str url =
        str_fmt_in(a, "http://" STR_FMT "%s", STR_ARG(named ? host : S(METADATA)), TOKEN_PATH);

    if (http_do(c->near,
                &(HttpRequest){.method = "GET",
                               .url = url.p,
                               .headers = &flavor,
                               .n_headers = 1,
                               .no_retry = !named,
                               .max_body = LIMIT_TOKEN_BODY},
                &answer, err) < 0) {
        if (err->kind == ERR_NET && !named)
            return 0;
        return err_wrap(err, "%s", what);
    }
    /* another cloud's metadata service has the same address */
    if (!str_eq(http_header(&answer, "metadata-flavor"), S("Google")))
        return 0;
    if (answer.status == 404)
        return 0; /* the machine has no service account */
    if (answer.status != 200)
        return answer_refused(&answer, what, "", err);
    TRY(json_parse(buf_str(&answer.body), what, &j, err));
    TRY(oauth_token(j, what, a, ret, err));
    ret->source = S("the Google metadata server");
    return 1;
}

static int make_token(Cloud *c, Str key, Arena *a, Secret *ret, Err *err)
{
    const Google *g = &c->google;
    int r;

    (void)key;
    if (g->trouble.kind != ERR_NONE) {
        *err = g->trouble;
        return -1;
    }
    r = g->key ? by_type(c, g->key, false, a, ret, err) : by_metadata(c, a, ret, err);
    if (r == 1)
        log_debug("google: a token of " STR_FMT, STR_ARG(ret->source));
    return r < 0 && g->key ? err_wrap(err, STR_FMT, STR_ARG(g->key_path)) : r;
}

int google_token(Cloud *c, Arena *a, Secret *ret, Err *err)
{
    return kept_get(&c->google.tokens, c, S(""), make_token, a, ret, err);
}
