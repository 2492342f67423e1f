/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workload identity federation (RFC 8693): a token that somebody else gave us is traded at Google's
 * STS. It lies in a file or behind a URL, as text or as a member of a JSON document.
 */
#include "base/limits.h"
#include "cloud/internal.h"

#define EXCHANGE_GRANT "urn:ietf:params:oauth:grant-type:token-exchange"
#define ACCESS_TOKEN   "urn:ietf:params:oauth:token-type:access_token"
#define STS_URL        "https://sts.googleapis.com/v1/token"

/* The text, or the member of it that "format" names. */
static int subject_in(Str text, const Json *format, Arena *a, Str *ret, Err *err)
{
    cleanup_with(json_free_at) Json *j = NULL;
    Str field = google_text(format, "subject_token_field_name"), token;

    if (!str_eq(google_text(format, "type"), S("json"))) {
        *ret = str_dup_in(a, str_trim(text));
        return ret->n ? 0 : err_set(err, ERR_FORMAT, "the subject token is empty");
    }
    TRY(json_parse(text, "subject token", &j, err));
    token = google_text(j, str_dup_in(a, field).p);
    if (token.n == 0)
        return err_set(err, ERR_FORMAT, "the subject token's JSON has no \"" STR_FMT "\"",
                       STR_ARG(field));
    *ret = str_dup_in(a, token);
    return 0;
}

static int subject_from_url(Cloud *c, const Json *source, Arena *a, Str *ret, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    const Json *headers = json_find(source, "headers");
    HttpHeaderVec v = {0};
    HttpHeader h;
    int r;

    for (JsonIter it = {0}; json_next(headers, &it);) {
        h.name = it.key;
        if (json_get_text(it.value, &h.value))
            vec_push(&v, h);
    }
    r = http_do(c->http,
                &(HttpRequest){.method = "GET",
                               .url = str_dup_in(a, google_text(source, "url")).p,
                               .headers = v.v,
                               .n_headers = v.n,
                               .max_body = LIMIT_TOKEN_BODY},
                &answer, err);
    vec_done(&v);
    TRY(r);
    if (answer.status != 200)
        return answer_refused(&answer, "credential_source", "", err);
    return subject_in(buf_str(&answer.body), json_find(source, "format"), a, ret, err);
}

static int subject_token(Cloud *c, const Json *source, Arena *a, Str *ret, Err *err)
{
    Str text;

    if (c->google.subject.path) {
        TRY(token_file_read(&c->google.subject, a, &text, err));
        return subject_in(text, json_find(source, "format"), a, ret, err);
    }
    if (google_text(source, "url").n)
        return subject_from_url(c, source, a, ret, err);
    if (google_text(source, "environment_id").n)
        return err_set(err, ERR_UNSUPPORTED,
                       "an external_account with AWS as its source is not "
                       "supported: use a token in a file");
    return err_set(err, ERR_UNSUPPORTED,
                   "credential_source has neither a \"file\" nor a \"url\": programs and "
                   "certificates are not supported");
}

static int exchange(Cloud *c, const Json *key, Str subject, Arena *a, Secret *ret, Err *err)
{
    cleanup_with(json_free_at) Json *answer = NULL;
    cleanup_buf Buf form = BUF_INIT(LIMIT_TOKEN_BODY * 2);
    const char *what = "Google STS";
    Str url = google_text(key, "token_url");

    form_add(&form, "grant_type", S(EXCHANGE_GRANT));
    form_add(&form, "audience", google_text(key, "audience"));
    form_add(&form, "scope", S(GOOGLE_SCOPE));
    form_add(&form, "requested_token_type", S(ACCESS_TOKEN));
    form_add(&form, "subject_token_type", google_text(key, "subject_token_type"));
    form_add(&form, "subject_token", subject);
    TRY(post_form(c, url.n ? url : S(STS_URL), &form, what, &answer, err));
    TRY(oauth_token(answer, what, a, ret, err));
    ret->source = S("Google workload identity federation");
    return 1;
}

int google_external_token(Cloud *c, Arena *a, Secret *ret, Err *err)
{
    const Json *key = c->google.key;
    Str url = google_text(key, "service_account_impersonation_url"), subject;
    Secret federated;

    TRY(subject_token(c, json_find(key, "credential_source"), a, &subject, err));
    TRY(exchange(c, key, subject, a, &federated, err));
    if (url.n)
        return google_impersonate(c, url, federated.text, a, ret, err);
    *ret = federated;
    return 1;
}
