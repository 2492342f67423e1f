/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amazon S3 and what speaks its language. S3_ENDPOINT (kaniko's), AWS_ENDPOINT_URL_S3 and
 * AWS_ENDPOINT_URL say where; S3_FORCE_PATH_STYLE=true puts the bucket into the path, which
 * happens by itself where it cannot be part of the host's name.
 */
#include "base/num.h"
#include "cloud/object_kinds.h"
#include "cloud/sigv4.h"

static bool is_address(Str host)
{
    for (size_t i = 0; i < host.n; i++)
        if (!(host.p[i] >= '0' && host.p[i] <= '9') && host.p[i] != '.' && host.p[i] != ':')
            return host.p[0] == '[';
    return true;
}

static bool in_path(const Object *o, Str endpoint)
{
    bool forced = false;

    if (num_parse_bool(cloud_variable(o->cloud, "S3_FORCE_PATH_STYLE"), &forced) && forced)
        return true;
    return url_is_machine_local(endpoint) || is_address(url_host(endpoint)) ||
           str_contains(o->bucket, S(".")) || str_contains(o->bucket, S("_"));
}

static Str custom_endpoint(const Object *o, Arena *a)
{
    Str v = cloud_variable(o->cloud, "S3_ENDPOINT");

    if (v.n == 0)
        return aws_custom_endpoint(o->cloud, "S3", a);
    return str_contains(v, S("://")) ? v : str_fmt_in(a, "https://" STR_FMT, STR_ARG(v));
}

static void set_url(Object *o)
{
    cleanup_buf Buf url = BUF_INIT(BUF_SMALL);
    Str end = custom_endpoint(o, &o->arena), host;

    if (end.n == 0)
        end = str_fmt_in(&o->arena, "https://s3." STR_FMT "." STR_FMT, STR_ARG(o->region),
                         STR_ARG(aws_domain(o->region)));
    while (str_ends(end, S("/")))
        end.n--;
    host = url_host(end);
    if (in_path(o, end))
        buf_addf(&url, STR_FMT "/" STR_FMT, STR_ARG(end), STR_ARG(o->bucket));
    else
        buf_addf(&url, STR_FMT STR_FMT "." STR_FMT, (int)(host.p - end.p), end.p,
                 STR_ARG(o->bucket), STR_ARG(str_skip(end, (size_t)(host.p - end.p))));
    object_add_path(&url, o->key);
    o->url = str_dup_in(&o->arena, buf_str(&url));
}

static int s3_open(Object *o, Str rest, Err *err)
{
    TRY(object_split(o, rest, err));
    o->region = aws_region(o->cloud);
    if (o->region.n == 0)
        o->region = S("us-east-1"); /* it tells us where the bucket is */
    set_url(o);
    return 0;
}

static int s3_sign(Object *o, const HttpAttempt *at, Arena *a, HttpHeaderVec *ret, Err *err)
{
    Secret keys;
    int r = aws_keys(o->cloud, a, &keys, err);

    TRY(r);
    o->anonymous = r == 0;
    if (r == 1) {
        SigV4 with = {keys.id, keys.text, keys.session, o->region, S("s3"), now_s()};

        o->source = str_dup_in(&o->arena, keys.source);
        TRY(sigv4_sign(
            &with, &(SigV4Request){.method = "GET", .url = o->url, .body = S(""), .is_s3 = true}, a,
            ret, err));
    }
    if (at->range_from && at->etag.n)
        vec_push(ret, ((HttpHeader){S("If-Match"), at->etag}));
    return 0;
}

/* Of what was uploaded in one piece the ETag is the MD5, unless KMS or the client encrypts it. */
static ObjectSums s3_sums(const HttpAnswer *answer)
{
    Str etag = http_header(answer, "etag"),
        how = http_header(answer, "x-amz-server-side-encryption");
    ObjectSums sums = {0};

    if (etag.n != 2 * MD5_BYTES + 2 || etag.p[0] != '"' || (how.n && !str_eq(how, S("AES256"))) ||
        http_header(answer, "x-amz-server-side-encryption-customer-algorithm").n)
        return sums;
    sums.md5_hex = (Str){etag.p + 1, etag.n - 2};
    for (size_t i = 0; i < sums.md5_hex.n; i++)
        if (!strchr("0123456789abcdef", sums.md5_hex.p[i]))
            return (ObjectSums){0};
    return sums;
}

/* The region that the answer names, if it is another one. */
static Str other_region(const Object *o, const HttpAnswer *answer, Arena *a)
{
    Str region = http_header(answer, "x-amz-bucket-region");

    if (region.n == 0)
        (void)xml_text(buf_str(&answer->body), "Region", a, &region);
    return region.n && region_is_valid(region) && !str_eq(region, o->region) ? region : S("");
}

static const char *s3_remedy(Object *o, const HttpAnswer *answer, Arena *a, bool *ret_again)
{
    Str code = S(""), region = other_region(o, answer, a);

    (void)xml_text(buf_str(&answer->body), "Code", a, &code);
    if (region.n && custom_endpoint(o, a).n == 0 && !o->moved && answer->status != 404) {
        o->moved = *ret_again = true;
        o->region = str_dup_in(&o->arena, region);
        set_url(o);
        return "";
    }
    if (region.n)
        return str_fmt_in(a, "the bucket is in another region: set AWS_REGION=" STR_FMT,
                          STR_ARG(region))
            .p;
    if (str_eq(code, S("NoSuchBucket")))
        return "check the name of the bucket, and S3_ENDPOINT";
    if (str_eq(code, S("NoSuchKey")))
        return "the bucket is there: check the name of the object";
    if (str_eq(code, S("ExpiredToken")) || str_eq(code, S("TokenRefreshRequired")))
        return "the session token has expired: get new keys";
    if (str_eq(code, S("InvalidAccessKeyId")))
        return "the access key does not exist there: check AWS_ACCESS_KEY_ID, and whether its "
               "session token is missing";
    if (str_eq(code, S("SignatureDoesNotMatch")))
        return "check the secret access key";
    if (o->anonymous && (answer->status == 401 || answer->status == 403))
        return "it is not for everybody: give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a "
               "profile or a role";
    if (str_eq(code, S("AccessDenied")) || answer->status == 403)
        return "it takes s3:GetObject on the object (without s3:ListBucket a missing one is "
               "\"denied\" too)";
    return "";
}

const ObjectKind object_s3 = {"s3", "Amazon S3", s3_open, s3_sign, s3_sums, s3_remedy};
