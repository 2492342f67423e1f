/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/internal.h"
#include "os/environ.h"

static bool may_matter(Str name)
{
    static const Str prefixes[] = {STR_LIT("AWS_"),          STR_LIT("GOOGLE_"),
                                   STR_LIT("GCE_METADATA_"), STR_LIT("CLOUDSDK_"),
                                   STR_LIT("AZURE_"),        STR_LIT("IDENTITY_"),
                                   STR_LIT("MSI_"),          STR_LIT("S3_"),
                                   STR_LIT("STORAGE_")};

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (str_starts(name, prefixes[i]))
            return true;
    return str_eq(name, S("HOME"));
}

Str cloud_variable(const Cloud *c, const char *name)
{
    vec_foreach(kv, &c->variables)
        if (str_eq(kv->key, str_from(name)))
            return kv->value;
    return S("");
}

Cloud *cloud_new(void)
{
    Cloud *c = NEW(Cloud);

    c->http = http_client_new(NULL);
    c->near = http_client_new(
        &(HttpClientOpts){.retries = 2, .connect_timeout_s = 1, .stall_timeout_s = 5});
    environ_copy(may_matter, &c->arena, &c->variables);
    aws_load(c);
    google_load(c);
    azure_load(c);
    return c;
}

void cloud_free(Cloud *c)
{
    if (!c)
        return;
    aws_done(&c->aws);
    google_done(&c->google);
    azure_done(&c->azure);
    http_client_free(c->http);
    http_client_free(c->near);
    vec_done(&c->variables);
    arena_done(&c->arena);
    free(c);
}

static bool google_is(Str host)
{
    static const Str domains[] = {STR_LIT("gcr.io"), STR_LIT("pkg.dev"), STR_LIT("google.com")};

    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        if (host_is_below(host, domains[i]))
            return true;
    return false;
}

CloudKind cloud_of_registry(Str host)
{
    if (ecr_is(host))
        return CLOUD_AMAZON;
    if (google_is(host))
        return CLOUD_GOOGLE;
    return acr_is(host) ? CLOUD_MICROSOFT : CLOUD_NONE;
}

static int google_login(Cloud *c, Arena *a, CloudLogin *ret, Err *err)
{
    Secret s;
    int r = google_token(c, a, &s, err);

    if (r == 1)
        *ret = (CloudLogin){.username = S("oauth2accesstoken"),
                            .password = s.text,
                            .identity_token = S(""),
                            .source = s.source};
    return r;
}

static int amazon_login(Cloud *c, Str host, Arena *a, CloudLogin *ret, Err *err)
{
    Secret s;
    int r = kept_get(&c->aws.logins, c, host, ecr_login, a, &s, err);

    if (r == 1)
        *ret = (CloudLogin){.username = s.id,
                            .password = s.text,
                            .identity_token = S(""),
                            .source = s.source};
    return r;
}

static int microsoft_login(Cloud *c, Str host, Arena *a, CloudLogin *ret, Err *err)
{
    Secret s;
    int r = kept_get(&c->azure.logins, c, host, acr_login, a, &s, err);

    if (r == 1)
        *ret = (CloudLogin){.username = s.id,
                            .password = S(""),
                            .identity_token = s.text,
                            .source = s.source};
    return r;
}

int cloud_login(Cloud *c, Str host, Arena *a, CloudLogin *ret, Err *err)
{
    switch (cloud_of_registry(host)) {
    case CLOUD_AMAZON: return amazon_login(c, host, a, ret, err);
    case CLOUD_GOOGLE: return google_login(c, a, ret, err);
    case CLOUD_MICROSOFT: return microsoft_login(c, host, a, ret, err);
    case CLOUD_NONE: break;
    }
    return 0;
}
