/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to Microsoft Entra, in the order of Azure's own SDKs:
 *
 *      AZURE_CLIENT_ID, _TENANT_ID, _CLIENT_SECRET      a service principal
 *      ... and AZURE_FEDERATED_TOKEN_FILE               workload identity: the pod's token
 *      IDENTITY_ENDPOINT, IDENTITY_HEADER               managed identity of App Service and the like
 *      the instance metadata service                    managed identity of a machine
 *
 * A token is for one resource; each has its own.
 */
#include "base/limits.h"
#include "base/log.h"
#include "cloud/internal.h"

#define IMDS_HOST      "http://169.254.169.254"
#define IMDS_PATH      "/metadata/identity/oauth2/token?api-version=2018-02-01"
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

void azure_load(Cloud *c)
{
    kept_init(&c->azure.tokens);
    kept_init(&c->azure.logins);
    token_file_open(&c->azure.federated, cloud_variable(c, "AZURE_FEDERATED_TOKEN_FILE"));
}

void azure_done(Azure *z)
{
    kept_done(&z->tokens);
    kept_done(&z->logins);
    token_file_done(&z->federated);
}

/* --- Entra --- */

/* AZURE_AUTHORITY_HOST, else the cloud that AZURE_ENVIRONMENT names. */
static Str authority(const Cloud *c)
{
    Str host = cloud_variable(c, "AZURE_AUTHORITY_HOST"),
        name = cloud_variable(c, "AZURE_ENVIRONMENT");

    while (str_ends(host, S("/")))
        host.n--;
    if (host.n)
        return host;
    if (str_eq_nocase(name, S("AzureChinaCloud")))
        return S("https://login.chinacloudapi.cn");
    if (str_eq_nocase(name, S("AzureUSGovernment")) ||
        str_eq_nocase(name, S("AzureUSGovernmentCloud")))
        return S("https://login.microsoftonline.us");
    return S("https://login.microsoftonline.com");
}

static bool is_tenant(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= 'A' && s.p[i] <= 'Z') &&
            !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '-' && s.p[i] != '.')
            return false;
    return s.n > 0;
}

/* 'form' already says who we are. */
static int ask_entra(Cloud *c, Str resource, Buf *form, Arena *a, Secret *ret, Err *err)
{
    cleanup_with(json_free_at) Json *answer = NULL;
    const char *what = "Microsoft Entra";
    Str tenant = cloud_variable(c, "AZURE_TENANT_ID"), host = authority(c);

    if (!is_tenant(tenant))
        return err_set(err, ERR_AUTH,
                       tenant.n ? "AZURE_TENANT_ID is no tenant"
                                : "AZURE_CLIENT_ID is set, but AZURE_TENANT_ID is not");
    if (!url_is_https(host) && !url_is_machine_local(host))
        return err_set(err, ERR_AUTH, "AZURE_AUTHORITY_HOST is no https URL");
    form_add(form, "grant_type", S("client_credentials"));
    form_add(form, "client_id", cloud_variable(c, "AZURE_CLIENT_ID"));
    form_add(form, "scope", str_fmt_in(a, STR_FMT "/.default", STR_ARG(resource)));
    TRY(post_form(c,
                  str_fmt_in(a, STR_FMT "/" STR_FMT "/oauth2/v2.0/token", STR_ARG(host),
                             STR_ARG(tenant)),
                  form, what, &answer, err));
    return oauth_token(answer, what, a, ret, err);
}

static int by_secret(Cloud *c, Str resource, Arena *a, Secret *ret, Err *err)
{
    cleanup_buf Buf form = BUF_INIT(BUF_SMALL);
    Str secret = cloud_variable(c, "AZURE_CLIENT_SECRET");

    if (secret.n == 0 || cloud_variable(c, "AZURE_CLIENT_ID").n == 0)
        return 0;
    form_add(&form, "client_secret", secret);
    TRY(ask_entra(c, resource, &form, a, ret, err));
    ret->source = S("AZURE_CLIENT_SECRET");
    return 1;
}

static int by_federated_token(Cloud *c, Str resource, Arena *a, Secret *ret, Err *err)
{
    cleanup_buf Buf form = BUF_INIT(LIMIT_TOKEN_BODY * 2);
    Str token = cloud_variable(c, "AZURE_FEDERATED_TOKEN");

    if (cloud_variable(c, "AZURE_CLIENT_ID").n == 0 || (token.n == 0 && !c->azure.federated.path))
        return 0;
    if (token.n == 0)
        TRY(token_file_read(&c->azure.federated, a, &token, err));
    form_add(&form, "client_assertion_type", S(ASSERTION_TYPE));
    form_add(&form, "client_assertion", token);
    TRY(ask_entra(c, resource, &form, a, ret, err));
    ret->source = S("the Azure workload identity");
    return 1;
}

/*
 * What Azure's SDKs would take next. Passing it over in silence would make us somebody else: the
 * machine's identity.
 */
static int by_other_means(Cloud *c, Str resource, Arena *a, Secret *ret, Err *err)
{
    const char *what = NULL;

    (void)resource, (void)a, (void)ret;
    if (cloud_variable(c, "AZURE_CLIENT_ID").n == 0)
        return 0;
    if (cloud_variable(c, "AZURE_CLIENT_CERTIFICATE_PATH").n)
        what = "client certificates (AZURE_CLIENT_CERTIFICATE_PATH)";
    else if (cloud_variable(c, "AZURE_USERNAME").n && cloud_variable(c, "AZURE_PASSWORD").n)
        what = "users with passwords (AZURE_USERNAME)";
    if (!what)
        return 0;
    return err_set(err, ERR_UNSUPPORTED,
                   "%s are not supported yet; set AZURE_CLIENT_SECRET or "
                   "AZURE_FEDERATED_TOKEN_FILE, or unset it for the managed identity",
                   what);
}

/* --- managed identities --- */

/* NOLINTNEXTLINE(readability-function-size): eight parameters, each a thing of its own */
static int ask_near(Cloud *c, Str url, HttpHeader header, bool once, const char *what, Arena *a,
                    Secret *ret, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    cleanup_with(json_free_at) Json *j = NULL;

    if (http_do(c->near,
                &(HttpRequest){.method = "GET",
                               .url = url.p,
                               .headers = &header,
                               .n_headers = 1,
                               .no_retry = once,
                               .max_body = LIMIT_TOKEN_BODY},
                &answer, err) < 0)
        return once && err->kind == ERR_NET ? 0 : err_wrap(err, "%s", what);
    if (answer.status == 404 || (once && answer.status == 403))
        return 0; /* somebody else's metadata service, or none for identities */
    if (answer.status == 400 && strstr(buf_z(&answer.body), "Identity not found"))
        return 0; /* the machine has no identity */
    if (answer.status != 200)
        return answer_refused(&answer, what, "", err);
    if (json_parse(buf_str(&answer.body), what, &j, err) < 0)
        return once ? 0 : -1;
    return oauth_token(j, what, a, ret, err);
}

static void add_resource(const Cloud *c, Str resource, Buf *url)
{
    Str id = cloud_variable(c, "AZURE_CLIENT_ID");

    buf_add_z(url, "&resource=");
    url_escape(resource, url);
    if (id.n) {
        buf_add_z(url, "&client_id=");
        url_escape(id, url);
    }
}

static int by_app_service(Cloud *c, Str resource, Arena *a, Secret *ret, Err *err)
{
    cleanup_buf Buf url = BUF_INIT(BUF_SMALL);
    Str at = cloud_variable(c, "IDENTITY_ENDPOINT"), secret = cloud_variable(c, "IDENTITY_HEADER");
    int r;

    if (at.n == 0 || secret.n == 0)
        return 0;
    buf_addf(&url, STR_FMT "?api-version=2019-08-01", STR_ARG(at));
    add_resource(c, resource, &url);
    r = ask_near(c, str_dup_in(a, buf_str(&url)), (HttpHeader){S("X-IDENTITY-HEADER"), secret},
                 false, "Azure managed identity", a, ret, err);
    if (r == 1)
        ret->source = S("the Azure managed identity");
    return r;
}

static int by_instance(Cloud *c, Str resource, Arena *a, Secret *ret, Err *err)
{
    cleanup_buf Buf url = BUF_INIT(BUF_SMALL);
    Str host = cloud_variable(c, "AZURE_POD_IDENTITY_AUTHORITY_HOST");
    bool named = host.n > 0;
    int r;

    while (str_ends(host, S("/")))
        host.n--;
    buf_addf(&url, STR_FMT IMDS_PATH, STR_ARG(named ? host : S(IMDS_HOST)));
    add_resource(c, resource, &url);
    r = ask_near(c, str_dup_in(a, buf_str(&url)), (HttpHeader){S("Metadata"), S("true")}, !named,
                 "Azure instance metadata", a, ret, err);
    if (r == 1)
        ret->source = S("the Azure managed identity");
    return r;
}

static int make_token(Cloud *c, Str resource, Arena *a, Secret *ret, Err *err)
{
    static int (*const sources[])(Cloud *, Str, Arena *, Secret *,
                                  Err *) = {by_secret, by_federated_token, by_other_means,
                                            by_app_service, by_instance};

    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        int r = sources[i](c, resource, a, ret, err);

        if (r == 1)
            log_debug("azure: a token for " STR_FMT " from " STR_FMT, STR_ARG(resource),
                      STR_ARG(ret->source));
        if (r != 0)
            return r;
    }
    return 0;
}

int azure_token(Cloud *c, Str resource, Arena *a, Secret *ret, Err *err)
{
    return kept_get(&c->azure.tokens, c, resource, make_token, a, ret, err);
}
