/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure Blob Storage: a URL as it is. Who we are, in this order:
 *
 *      a signature in the URL (SAS)
 *      AZURE_STORAGE_CONNECTION_STRING     of this account: its key, SAS and end point
 *      AZURE_STORAGE_ACCESS_KEY            kaniko's
 *      AZURE_STORAGE_SAS_TOKEN
 *      a token of Entra (azure.c)
 *      nobody: the container may be for everybody
 */
#include "cloud/object_kinds.h"
#include "cloud/shared_key.h"

#define STORAGE_RESOURCE "https://storage.azure.com" /* in all of Microsoft's clouds */
#define API_VERSION      "2021-08-06"

static bool account_of(Str host, Str *ret)
{
    static const Str domains[] = {STR_LIT("blob.core.windows.net"),
                                  STR_LIT("blob.core.chinacloudapi.cn"),
                                  STR_LIT("blob.core.cloudapi.de"),
                                  STR_LIT("blob.core.usgovcloudapi.net"),
                                  STR_LIT("blob.storage.azure.net")};
    Str rest;

    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        if (host.n > domains[i].n && host_is_below(host, domains[i]))
            return str_cut(host, '.', ret, &rest) && ret->n > 0;
    return false;
}

bool object_is_blob_url(Str url)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str account;

    return url_is_https(url) && account_of(str_lower_in(&a, url_host(url)), &account);
}

static bool has_signature(Str query)
{
    return str_starts(query, S("sig=")) || str_contains(query, S("&sig="));
}

/* "AccountName=a;AccountKey=b==;BlobEndpoint=http://..." */
static Str connection_value(Str text, const char *name)
{
    for (Str rest = text, one, key, value; text.n && str_next(&rest, ';', &one);)
        if (str_cut(one, '=', &key, &value) && str_eq_nocase(str_trim(key), str_from(name)))
            return str_trim(value);
    return S("");
}

static void use_connection(Object *o, Str *end, Str *sas)
{
    Str text = cloud_variable(o->cloud, "AZURE_STORAGE_CONNECTION_STRING"), blob;

    if (!str_eq(connection_value(text, "AccountName"), o->bucket))
        return;
    blob = connection_value(text, "BlobEndpoint");
    while (str_ends(blob, S("/")))
        blob.n--;
    if (blob.n)
        *end = blob;
    o->secret = connection_value(text, "AccountKey");
    *sas = connection_value(text, "SharedAccessSignature");
}

static Str secondary_cut(Str account)
{
    return str_ends(account, S("-secondary")) ? str_head(account, account.n - 10) : account;
}

static int azure_open(Object *o, Str rest, Err *err)
{
    Str host, path, query = S(""), sas = S(""), end;

    if (!str_cut(rest, '/', &host, &path) || path.n == 0 ||
        !account_of(str_lower_in(&o->arena, host), &o->bucket))
        return err_set(err, ERR_USAGE, "want https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB");
    o->bucket = secondary_cut(o->bucket);
    (void)str_cut(path, '?', &path, &query);
    end = str_fmt_in(&o->arena, "https://" STR_FMT, STR_ARG(host));
    o->secret = S("");
    if (!has_signature(query)) {
        use_connection(o, &end, &sas);
        if (o->secret.n == 0 && sas.n == 0)
            o->secret = cloud_variable(o->cloud, "AZURE_STORAGE_ACCESS_KEY");
        if (o->secret.n == 0 && sas.n == 0)
            sas = cloud_variable(o->cloud, "AZURE_STORAGE_SAS_TOKEN");
        if (str_starts(sas, S("?")))
            sas = str_skip(sas, 1);
        if (o->secret.n == 0 && sas.n)
            query = query.n
                        ? str_fmt_in(&o->arena, STR_FMT "&" STR_FMT, STR_ARG(query), STR_ARG(sas))
                        : sas;
    }
    o->key = path;
    o->plain = has_signature(query);
    o->url = str_fmt_in(&o->arena, STR_FMT "/" STR_FMT "%s" STR_FMT, STR_ARG(end), STR_ARG(path),
                        query.n ? "?" : "", STR_ARG(query));
    return 0;
}

static void add(HttpHeaderVec *v, Str name, Str value)
{
    HttpHeader h = {name, value};

    vec_push(v, h);
}

static int by_key(Object *o, const HttpAttempt *at, Arena *a, HttpHeaderVec *ret, Err *err)
{
    HttpHeaderVec all = {0};
    SharedKey k = {.account = o->bucket, .url = o->url};
    Str value;
    int r;

    vec_foreach(h, ret)
        vec_push(&all, *h);
    if (at->range_from) /* which the transport adds by itself */
        add(&all, S("Range"), str_fmt_in(a, "bytes=%llu-", (unsigned long long)at->range_from));
    k.headers = all.v;
    k.n_headers = all.n;
    r = shared_key_sign(&k, o->secret, a, &value, err);
    vec_done(&all);
    TRY(r);
    o->source = S("the storage account's key");
    add(ret, S("Authorization"), value);
    return 0;
}

static int azure_sign(Object *o, const HttpAttempt *at, Arena *a, HttpHeaderVec *ret, Err *err)
{
    Secret token;
    int r;

    add(ret, S("x-ms-version"), S(API_VERSION));
    add(ret, S("x-ms-date"), when_http(now_s(), a));
    if (at->range_from && at->etag.n)
        add(ret, S("If-Match"), at->etag);
    if (o->plain)
        return 0;
    if (o->secret.n)
        return by_key(o, at, a, ret, err);
    TRY(r = azure_token(o->cloud, S(STORAGE_RESOURCE), a, &token, err));
    o->anonymous = r == 0;
    if (r == 1) {
        o->source = str_dup_in(&o->arena, token.source);
        add(ret, S("Authorization"), str_fmt_in(a, "Bearer " STR_FMT, STR_ARG(token.text)));
    }
    return 0;
}

static ObjectSums azure_sums(const HttpAnswer *answer)
{
    ObjectSums sums = {0};

    sums.md5_base64 = http_header(answer, "x-ms-blob-content-md5");
    if (sums.md5_base64.n == 0 && answer->status == 200)
        sums.md5_base64 = http_header(answer, "content-md5");
    return sums;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): as Amazon's, which sets it */
static const char *azure_remedy(Object *o, const HttpAnswer *answer, Arena *a, bool *ret_again)
{
    Str code = http_header(answer, "x-ms-error-code");

    (void)ret_again;
    if (code.n == 0)
        (void)xml_text(buf_str(&answer->body), "Code", a, &code);
    if (str_eq(code, S("ContainerNotFound")))
        return "check the name of the container";
    if (str_eq(code, S("BlobNotFound")))
        return "the container is there: check the name of the blob";
    if (str_eq(code, S("ResourceNotFound")) || str_eq(code, S("PublicAccessNotPermitted")) ||
        str_eq(code, S("NoAuthenticationInformation")))
        return "it is not for everybody: give AZURE_STORAGE_ACCESS_KEY, a URL with a SAS, or an "
               "identity with the role Storage Blob Data Reader";
    if (str_eq(code, S("AuthorizationPermissionMismatch")))
        return o->plain ? "the SAS in the URL does not allow reading (sp=r)"
                        : "the identity needs the role Storage Blob Data Reader";
    if (str_eq(code, S("AuthenticationFailed")))
        return o->plain      ? "the SAS in the URL has expired or is not whole: get a new one"
               : o->secret.n ? "check the storage account's key"
                             : "the token was not taken: check AZURE_TENANT_ID, and the identity";
    if (str_eq(code, S("InvalidAuthenticationInfo")))
        return "the token was not taken: check AZURE_TENANT_ID, and the identity";
    if (str_eq(code, S("AuthorizationFailure")))
        return o->secret.n ? "check the storage account's key, and who its firewall lets in"
                           : "check who the account's firewall lets in";
    if (str_eq(code, S("KeyBasedAuthenticationNotPermitted")))
        return "the account takes no keys: use an identity with the role Storage Blob Data Reader";
    return "";
}

const ObjectKind object_azure = {"https",    "Azure Blob Storage", azure_open,
                                 azure_sign, azure_sums,           azure_remedy};
