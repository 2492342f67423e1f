/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure Container Registry: a token of Entra is traded at the registry itself for a refresh token
 * of its own, which its token endpoint then takes as an identity token. It is good for three hours.
 */
#include "cloud/internal.h"
#include "codec/base64.h"

#define ACR_RESOURCE "https://containerregistry.azure.net" /* in all of Microsoft's clouds */
#define NOBODY       "00000000-0000-0000-0000-000000000000"

enum {
    LIFE_S = 3 * 3600 - 600 /* where the token does not say */
};

/* NAME.azurecr.io and NAME.REGION.data... are theirs; azurecr.io itself is no registry. */
bool acr_is(Str host)
{
    static const Str domains[] = {STR_LIT("azurecr.io"), STR_LIT("azurecr.cn"),
                                  STR_LIT("azurecr.us"), STR_LIT("azurecr.de")};

    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        if (host.n > domains[i].n && host_is_below(host, domains[i]))
            return true;
    return false;
}

/* "exp" of a JWT; nobody's signature is trusted for it. */
static int64_t expiry_of(Str jwt)
{
    cleanup_buf Buf claims = BUF_INIT(BUF_SMALL);
    cleanup_with(json_free_at) Json *j = NULL;
    int64_t until = now_s() + LIFE_S, exp;
    Str head, rest, body;
    Err ignored;

    if (str_cut(jwt, '.', &head, &rest) && str_cut(rest, '.', &body, &rest) &&
        base64_decode(BASE64_URL, body, &claims) &&
        json_parse(buf_str(&claims), "token", &j, &ignored) == 0 &&
        json_get_int(json_find(j, "exp"), &exp) && exp > now_s())
        until = exp;
    return until;
}

int acr_login(Cloud *c, Str host, Arena *a, Secret *ret, Err *err)
{
    cleanup_with(json_free_at) Json *answer = NULL;
    cleanup_buf Buf form = BUF_INIT(BUF_SMALL);
    const char *what = str_fmt_in(a, "https://" STR_FMT "/oauth2/exchange", STR_ARG(host)).p;
    Str tenant = cloud_variable(c, "AZURE_TENANT_ID"), token;
    Secret entra;
    int r;

    TRY(r = azure_token(c, S(ACR_RESOURCE), a, &entra, err));
    if (r == 0)
        return 0;
    form_add(&form, "grant_type", S("access_token"));
    form_add(&form, "service", host);
    if (tenant.n)
        form_add(&form, "tenant", tenant);
    form_add(&form, "access_token", entra.text);
    TRY(post_form(c, str_from(what), &form, what, &answer, err));
    if (!json_get_text(json_find(answer, "refresh_token"), &token) || token.n == 0)
        return err_set(err, ERR_FORMAT, "%s: there is no refresh_token in the answer", what);
    *ret = (Secret){.id = S(NOBODY),
                    .text = str_dup_in(a, token),
                    .session = S(""),
                    .source = str_fmt_in(a, "Azure, by " STR_FMT, STR_ARG(entra.source)),
                    .until_s = expiry_of(token)};
    return 1;
}
