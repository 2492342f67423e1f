/* SPDX-License-Identifier: Apache-2.0 */
/* The Security Token Service: keys for a web identity, or for a role that our keys may take on. */
#include "base/limits.h"
#include "cloud/internal.h"
#include "cloud/sigv4.h"

static Str sts_url(const Cloud *c, Str region, Arena *a)
{
    Str host = region.n ? str_fmt_in(a, "sts." STR_FMT "." STR_FMT, STR_ARG(region),
                                     STR_ARG(aws_domain(region)))
                        : S("sts.amazonaws.com");

    return str_fmt_in(a, STR_FMT "/", STR_ARG(aws_endpoint(c, "STS", host, a)));
}

static const HttpHeader form_type = {STR_LIT("Content-Type"),
                                     STR_LIT("application/x-www-form-urlencoded; charset=utf-8")};

static int read_credentials(const HttpAnswer *answer, Arena *a, Secret *ret, Err *err)
{
    Str xml = buf_str(&answer->body), until;

    *ret = (Secret){0};
    if (!xml_text(xml, "AccessKeyId", a, &ret->id) ||
        !xml_text(xml, "SecretAccessKey", a, &ret->text) ||
        !xml_text(xml, "SessionToken", a, &ret->session) ||
        !xml_text(xml, "Expiration", a, &until) || !when_parse_iso(until, &ret->until_s))
        return err_set(err, ERR_FORMAT, "the answer has no credentials");
    return 0;
}

/* What to do about it, where that is known. */
static const char *remedy_of(Str code, bool by_token)
{
    if (str_eq(code, S("ExpiredTokenException")) && by_token)
        return "the token in the file has expired: is the pod's projected volume mounted, and is "
               "it renewed?";
    if (str_eq(code, S("ExpiredToken")) || str_eq(code, S("ExpiredTokenException")))
        return "the session token has expired: get a new one";
    if (str_eq(code, S("InvalidIdentityToken")))
        return "the account does not know the token's issuer: check its OIDC provider";
    if (str_eq(code, S("AccessDenied")))
        return "check the trust policy of the role";
    if (str_eq(code, S("SignatureDoesNotMatch")))
        return "check the secret key, and the clock of this machine";
    return "";
}

static int refused(const HttpAnswer *answer, const char *what, bool by_token, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str code = S("");

    (void)xml_text(buf_str(&answer->body), "Code", &a, &code);
    return answer_refused(answer, what, remedy_of(code, by_token), err);
}

static int sts_post(Cloud *c, Str url, const Buf *form, const HttpHeaderVec *headers,
                    HttpAnswer *ret, Err *err)
{
    TRY(buf_check(form, "the request to STS", err));
    return http_do(c->http,
                   &(HttpRequest){.method = "POST",
                                  .url = url.p,
                                  .headers = headers->v,
                                  .n_headers = headers->n,
                                  .tls = &c->aws.tls,
                                  .body = buf_str(form),
                                  .retry_post = true,
                                  .max_body = LIMIT_TOKEN_BODY},
                   ret, err);
}

/* NOLINTNEXTLINE(readability-function-size): eight parameters, each a thing of its own */
int sts_web_identity(Cloud *c, TokenFile *token, Str role, Str session_name, Str region, Arena *a,
                     Secret *ret, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    cleanup_buf Buf form = BUF_INIT(LIMIT_TOKEN_BODY * 2);
    HttpHeaderVec headers = {0};
    const char *what = str_fmt_in(a, "STS AssumeRoleWithWebIdentity " STR_FMT, STR_ARG(role)).p;
    Str text;
    int r;

    TRY(token_file_read(token, a, &text, err));
    form_add(&form, "Action", S("AssumeRoleWithWebIdentity"));
    form_add(&form, "Version", S("2011-06-15"));
    form_add(&form, "RoleArn", role);
    form_add(&form, "RoleSessionName", session_name);
    form_add(&form, "WebIdentityToken", text);
    vec_push(&headers, form_type);
    r = sts_post(c, sts_url(c, region, a), &form, &headers, &answer, err);
    vec_done(&headers);
    if (r < 0)
        return err_wrap(err, "%s", what);
    if (answer.status != 200)
        return refused(&answer, what, true, err);
    if (read_credentials(&answer, a, ret, err) < 0)
        return err_wrap(err, "%s", what);
    ret->source =
        str_fmt_in(a, "the role " STR_FMT " by the token in %s", STR_ARG(role), token->path);
    return 0;
}

static void role_form(const AssumeRole *r, Buf *form)
{
    form_add(form, "Action", S("AssumeRole"));
    form_add(form, "Version", S("2011-06-15"));
    form_add(form, "RoleArn", r->role);
    form_add(form, "RoleSessionName", r->session_name);
    if (r->external_id.n)
        form_add(form, "ExternalId", r->external_id);
}

int sts_assume_role(Cloud *c, const Secret *with, const AssumeRole *r, Arena *a, Secret *ret,
                    Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    cleanup_buf Buf form = BUF_INIT(LIMIT_TOKEN_BODY);
    HttpHeaderVec headers = {0};
    const char *what = str_fmt_in(a, "STS AssumeRole " STR_FMT, STR_ARG(r->role)).p;
    Str url = sts_url(c, r->region, a);
    SigV4 sign = {with->id, with->text, with->session, r->region.n ? r->region : S("us-east-1"),
                  S("sts"), now_s()};
    int rc;

    role_form(r, &form);
    rc = sigv4_sign(&sign,
                    &(SigV4Request){.method = "POST",
                                    .url = url,
                                    .headers = &form_type,
                                    .n_headers = 1,
                                    .body = buf_str(&form)},
                    a, &headers, err);
    vec_push(&headers, form_type);
    if (rc == 0)
        rc = sts_post(c, url, &form, &headers, &answer, err);
    vec_done(&headers);
    if (rc < 0)
        return err_wrap(err, "%s", what);
    if (answer.status != 200)
        return refused(&answer, what, false, err);
    if (read_credentials(&answer, a, ret, err) < 0)
        return err_wrap(err, "%s", what);
    ret->source = str_fmt_in(a, "the role " STR_FMT, STR_ARG(r->role));
    return 0;
}
