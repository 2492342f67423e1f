/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amazon's registries.
 *
 *      123456789012.dkr.ecr[-fips].REGION.DOMAIN      private; DOMAIN is the partition's
 *      123456789012.dkr-ecr[-fips].REGION.on.aws      the same, by IPv6 too
 *      public.ecr.aws, ecr-public.aws.com             public, asked for in us-east-1
 *
 * The password is good for twelve hours.
 */
#include "base/limits.h"
#include "cloud/internal.h"
#include "cloud/sigv4.h"
#include "codec/base64.h"

enum {
    ACCOUNT_DIGITS = 12,
    LIFE_S = 12 * 3600, /* where the answer does not say */
};

typedef struct EcrHost {
    Str region, domain;
    bool fips, dual_stack, is_public;
} EcrHost;

static bool is_account(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n == ACCOUNT_DIGITS;
}

/* What stands before the region; the rest of 'host' in *ret. */
static bool take_service(Str host, EcrHost *e, Str *ret)
{
    static const struct {
        Str text;
        bool fips, dual_stack;
    } services[] = {
        {STR_LIT("dkr.ecr."), false, false},
        {STR_LIT("dkr.ecr-fips."), true, false},
        {STR_LIT("dkr-ecr."), false, true},
        {STR_LIT("dkr-ecr-fips."), true, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        if (!str_starts(host, services[i].text))
            continue;
        e->fips = services[i].fips;
        e->dual_stack = services[i].dual_stack;
        *ret = str_skip(host, services[i].text.n);
        return true;
    }
    return false;
}

static bool domain_is_amazon(const EcrHost *e)
{
    bool china = str_starts(e->region, S("cn-"));

    if (!e->dual_stack)
        return str_eq(e->domain, aws_domain(e->region));
    return str_eq(e->domain, china ? S("on.amazonwebservices.com.cn") : S("on.aws"));
}

static bool parse_host(Str host, EcrHost *ret)
{
    EcrHost e = {0};
    Str account, rest;

    if (str_eq(host, S("public.ecr.aws")) || str_eq(host, S("ecr-public.aws.com"))) {
        *ret = (EcrHost){.region = S("us-east-1"), .is_public = true};
        return true;
    }
    if (!str_cut(host, '.', &account, &rest) || !is_account(account) ||
        !take_service(rest, &e, &rest) || !str_cut(rest, '.', &e.region, &e.domain) ||
        !region_is_valid(e.region) || !domain_is_amazon(&e))
        return false;
    *ret = e;
    return true;
}

bool ecr_is(Str host)
{
    EcrHost e;

    return parse_host(host, &e);
}

static Str api_url(const Cloud *c, const EcrHost *e, Arena *a)
{
    bool fips = e->fips || str_eq(cloud_variable(c, "AWS_USE_FIPS_ENDPOINT"), S("true"));
    Str host;

    if (e->is_public)
        host = S("api.ecr-public.us-east-1.amazonaws.com");
    else if (e->dual_stack)
        host = str_fmt_in(a, "ecr%s." STR_FMT ".%s", fips ? "-fips" : "", STR_ARG(e->region),
                          str_starts(e->region, S("cn-")) ? "api.amazonwebservices.com.cn"
                                                          : "api.aws");
    else
        host = str_fmt_in(a, "%s." STR_FMT "." STR_FMT, fips ? "ecr-fips" : "api.ecr",
                          STR_ARG(e->region), STR_ARG(e->domain));
    return str_fmt_in(a, STR_FMT "/",
                      STR_ARG(aws_endpoint(c, e->is_public ? "ECR_PUBLIC" : "ECR", host, a)));
}

static int ask(Cloud *c, const EcrHost *e, const Secret *keys, Arena *a, HttpAnswer *ret, Err *err)
{
    HttpHeader headers[] = {
        {S("Content-Type"), S("application/x-amz-json-1.1")},
        {S("X-Amz-Target"), e->is_public
                                ? S("SpencerFrontendService.GetAuthorizationToken")
                                : S("AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")}};
    SigV4 sign = {
        keys->id, keys->text, keys->session, e->region, e->is_public ? S("ecr-public") : S("ecr"),
        now_s()};
    HttpHeaderVec all = {0};
    Str url = api_url(c, e, a);
    int r = sigv4_sign(&sign,
                       &(SigV4Request){.method = "POST",
                                       .url = url,
                                       .headers = headers,
                                       .n_headers = ARRAY_LEN(headers),
                                       .body = S("{}")},
                       a, &all, err);

    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        vec_push(&all, headers[i]);
    if (r == 0)
        r = http_do(c->http,
                    &(HttpRequest){.method = "POST",
                                   .url = url.p,
                                   .headers = all.v,
                                   .n_headers = all.n,
                                   .tls = &c->aws.tls,
                                   .body = S("{}"),
                                   .retry_post = true,
                                   .max_body = LIMIT_TOKEN_BODY},
                    ret, err);
    vec_done(&all);
    return r;
}

/* base64 of "AWS:password" */
static int read_token(Str token, Arena *a, Secret *ret, Err *err)
{
    cleanup_buf Buf plain = BUF_INIT(LIMIT_TOKEN_BODY);
    Str user, password;

    if (!base64_decode(BASE64_STANDARD, token, &plain) ||
        !str_cut(buf_str(&plain), ':', &user, &password))
        return err_set(err, ERR_FORMAT, "the authorization token is not base64 of user:password");
    ret->id = str_dup_in(a, user);
    ret->text = str_dup_in(a, password);
    return 0;
}

static int read_answer(Str body, Arena *a, Secret *ret, Err *err)
{
    cleanup_with(json_free_at) Json *j = NULL;
    const Json *data;
    double until;
    Str token, text;

    TRY(json_parse(body, "answer", &j, err));
    data = json_find(j, "authorizationData");
    if (json_type(data) == JSON_LIST)
        data = json_at(data, 0);
    if (!json_get_text(json_find(data, "authorizationToken"), &token))
        return err_set(err, ERR_FORMAT, "the answer has no authorizationToken");
    TRY(read_token(token, a, ret, err));
    ret->until_s = now_s() + LIFE_S;
    if (json_get_number(json_find(data, "expiresAt"), &until) && until > 0 && until < 1e12)
        ret->until_s = (int64_t)until;
    else if (json_get_text(json_find(data, "expiresAt"), &text))
        (void)when_parse_iso(text, &ret->until_s);
    return 0;
}

static const char *remedy_of(const HttpAnswer *answer, Arena *a)
{
    Str words = answer_words(answer, a);

    if (str_contains(words, S("AccessDenied")))
        return "the role or user needs ecr:GetAuthorizationToken (ecr-public:GetAuthorizationToken "
               "and sts:GetServiceBearerToken for public.ecr.aws)";
    if (str_contains(words, S("Expired")))
        return "the session has expired: get new keys";
    if (str_contains(words, S("Signature")))
        return "check the secret key, and the clock of this machine";
    return "";
}

int ecr_login(Cloud *c, Str host, Arena *a, Secret *ret, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    const char *what = "Amazon ECR GetAuthorizationToken";
    EcrHost e;
    Secret keys;
    int r;

    if (!parse_host(host, &e))
        return 0;
    TRY(r = aws_keys(c, a, &keys, err));
    if (r == 0)
        return 0;
    *ret = (Secret){.session = S(""),
                    .source = str_fmt_in(a, "Amazon ECR, with " STR_FMT, STR_ARG(keys.source))};
    if (ask(c, &e, &keys, a, &answer, err) < 0)
        return err_wrap(err, "%s", what);
    if (answer.status != 200)
        return answer_refused(&answer, what, remedy_of(&answer, a), err);
    if (read_answer(buf_str(&answer.body), a, ret, err) < 0)
        return err_wrap(err, "%s", what);
    return 1;
}
