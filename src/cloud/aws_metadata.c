/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys from what surrounds us: the credential end point of ECS and of EKS Pod Identity, and the
 * instance's own metadata (IMDSv2 only).
 */
#include "base/limits.h"
#include "cloud/internal.h"

#define ECS_HOST      "http://169.254.170.2"
#define IMDS_HOST     "http://169.254.169.254"
#define IMDS_HOST_V6  "http://[fd00:ec2::254]"
#define IMDS_ROLES    "/latest/meta-data/iam/security-credentials/"
#define ROLE_NAME_MAX 256

static int get(Cloud *c, const char *method, Str url, const HttpHeader *header, HttpAnswer *ret,
               Err *err)
{
    return http_do(c->near,
                   &(HttpRequest){.method = method,
                                  .url = url.p,
                                  .headers = header,
                                  .n_headers = header ? 1 : 0,
                                  .max_body = LIMIT_TOKEN_BODY},
                   ret, err);
}

static Str member(const Json *j, const char *name, Arena *a)
{
    Str s;

    return json_get_text(json_find(j, name), &s) ? str_dup_in(a, s) : S("");
}

/* {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"} */
static int read_keys(Str body, const char *what, Arena *a, Secret *ret, Err *err)
{
    cleanup_with(json_free_at) Json *j = NULL;
    Str until;

    TRY(json_parse(body, what, &j, err));
    *ret = (Secret){.id = member(j, "AccessKeyId", a),
                    .text = member(j, "SecretAccessKey", a),
                    .session = member(j, "Token", a),
                    .source = str_from(what)};
    until = member(j, "Expiration", a);
    if (ret->id.n == 0 || ret->text.n == 0)
        return err_set(err, ERR_FORMAT, "%s: the answer has no credentials", what);
    if (until.n && !when_parse_iso(until, &ret->until_s))
        return err_set(err, ERR_FORMAT, "%s: the answer's Expiration is no time", what);
    return 1;
}

/* --- ECS, EKS Pod Identity --- */

/*
 * The token that goes there is worth keys: over plain http only to this machine and to the
 * addresses that Amazon has set apart for it.
 */
static int check_full_uri(Str url, Err *err)
{
    static const Str allowed[] = {STR_LIT("169.254.170.2"), STR_LIT("169.254.170.23"),
                                  STR_LIT("[fd00:ec2::23]")};
    Str host = url_host(url), name, port;

    if (url_is_https(url))
        return 0;
    if (!str_starts(url, S("http://")))
        return err_set(err, ERR_AUTH, "AWS_CONTAINER_CREDENTIALS_FULL_URI is no http URL");
    if (!str_ends(host, S("]")) && str_cut_last(host, ':', &name, &port))
        host = name;
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (str_eq(host, allowed[i]))
            return 0;
    if (str_eq(host, S("localhost")) || str_eq(host, S("[::1]")) ||
        (str_starts(host, S("127.")) && url_is_machine_local(url)))
        return 0;
    return err_set(err, ERR_AUTH,
                   "AWS_CONTAINER_CREDENTIALS_FULL_URI leads to " STR_FMT
                   " without TLS: refused (only loopback, 169.254.170.2 and 169.254.170.23 may)",
                   STR_ARG(host));
}

static int container_token(Cloud *c, Arena *a, Str *ret, Err *err)
{
    *ret = cloud_variable(c, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (c->aws.container_token.path)
        return token_file_read(&c->aws.container_token, a, ret, err);
    return 0;
}

int container_keys(Cloud *c, Arena *a, Secret *ret, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    const char *what = "the container's credential end point";
    Str relative = cloud_variable(c, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        url = cloud_variable(c, "AWS_CONTAINER_CREDENTIALS_FULL_URI"), token;
    HttpHeader header;

    if (relative.n)
        url = str_fmt_in(a, ECS_HOST STR_FMT, STR_ARG(relative));
    if (url.n == 0)
        return 0;
    TRY(check_full_uri(url, err));
    TRY(container_token(c, a, &token, err));
    header = (HttpHeader){S("Authorization"), token};
    if (get(c, "GET", url, token.n ? &header : NULL, &answer, err) < 0)
        return err_wrap(err, "%s", what);
    if (answer.status != 200)
        return answer_refused(&answer, what, "", err);
    return read_keys(buf_str(&answer.body), what, a, ret, err);
}

/* --- IMDSv2 --- */

static Str imds_url(const Cloud *c, const char *path, Arena *a)
{
    Str host = cloud_variable(c, "AWS_EC2_METADATA_SERVICE_ENDPOINT"),
        mode = cloud_variable(c, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");

    if (host.n == 0)
        host = str_eq_nocase(mode, S("IPv6")) ? S(IMDS_HOST_V6) : S(IMDS_HOST);
    while (str_ends(host, S("/")))
        host.n--;
    return str_fmt_in(a, STR_FMT "%s", STR_ARG(host), path);
}

/* One attempt decides whether there is such a service at all. 0 = no. */
static int imds_token(Cloud *c, Arena *a, Str *ret, Err *err)
{
    static const HttpHeader life = {STR_LIT("X-aws-ec2-metadata-token-ttl-seconds"),
                                    STR_LIT("21600")};
    cleanup_http_answer HttpAnswer answer = {0};
    Str url = imds_url(c, "/latest/api/token", a);
    int r = http_do(c->near,
                    &(HttpRequest){.method = "PUT",
                                   .url = url.p,
                                   .headers = &life,
                                   .n_headers = 1,
                                   .no_retry = true,
                                   .max_body = LIMIT_TOKEN_BODY},
                    &answer, err);

    if (r < 0)
        return err->kind == ERR_NET ? 0 : -1;
    if (answer.status == 403 || answer.status == 404 || answer.status == 405)
        return 0; /* switched off, or somebody else's metadata service */
    if (answer.status != 200)
        return answer_refused(&answer, "instance metadata", "", err);
    *ret = str_dup_in(a, str_trim(buf_str(&answer.body)));
    return ret->n > 0;
}

static bool is_role_name(Str s)
{
    static const char more[] = "+=,.@_-";

    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];

        if (!(ch >= 'a' && ch <= 'z') && !(ch >= 'A' && ch <= 'Z') && !(ch >= '0' && ch <= '9') &&
            !memchr(more, ch, sizeof(more) - 1))
            return false;
    }
    return s.n > 0 && s.n <= ROLE_NAME_MAX;
}

static int imds_role(Cloud *c, const HttpHeader *token, Arena *a, Str *ret, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    Str line, rest;

    TRY(get(c, "GET", imds_url(c, IMDS_ROLES, a), token, &answer, err));
    if (answer.status == 404)
        return 0; /* the instance has no role */
    if (answer.status != 200)
        return answer_refused(&answer, "instance metadata", "", err);
    line = str_trim(buf_str(&answer.body));
    if (str_cut(line, '\n', &line, &rest))
        line = str_trim(line);
    if (!is_role_name(line))
        return err_set(err, ERR_FORMAT, "instance metadata: the role's name is garbled");
    *ret = str_dup_in(a, line);
    return 1;
}

int instance_keys(Cloud *c, Arena *a, Secret *ret, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    HttpHeader token = {.name = S("X-aws-ec2-metadata-token")};
    Str role = S("");
    int r;

    if (str_eq_nocase(cloud_variable(c, "AWS_EC2_METADATA_DISABLED"), S("true")))
        return 0;
    TRY(r = imds_token(c, a, &token.value, err));
    if (r == 1)
        TRY(r = imds_role(c, &token, a, &role, err));
    if (r == 0)
        return 0;
    TRY(get(c, "GET", imds_url(c, str_fmt_in(a, IMDS_ROLES STR_FMT, STR_ARG(role)).p, a), &token,
            &answer, err));
    if (answer.status != 200)
        return answer_refused(&answer, "instance metadata", "", err);
    TRY(read_keys(buf_str(&answer.body), "instance metadata", a, ret, err));
    ret->source = str_fmt_in(a, "the instance's role " STR_FMT, STR_ARG(role));
    return 1;
}
