/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google Cloud Storage, by its JSON interface. STORAGE_EMULATOR_HOST (host:port or URL) says where
 * an emulator is, which gets no credentials.
 */
#include "cloud/object_kinds.h"

static int gcs_open(Object *o, Str rest, Err *err)
{
    cleanup_buf Buf url = BUF_INIT(BUF_SMALL);
    Str end = cloud_variable(o->cloud, "STORAGE_EMULATOR_HOST");

    TRY(object_split(o, rest, err));
    while (str_ends(end, S("/")))
        end.n--;
    o->plain = end.n > 0;
    if (end.n == 0)
        end = S("https://storage.googleapis.com");
    else if (!str_contains(end, S("://")))
        end = str_fmt_in(&o->arena, "http://" STR_FMT, STR_ARG(end));
    buf_addf(&url, STR_FMT "/storage/v1/b/" STR_FMT "/o/", STR_ARG(end), STR_ARG(o->bucket));
    url_escape(o->key, &url);
    buf_add_z(&url, "?alt=media");
    o->url = str_dup_in(&o->arena, buf_str(&url));
    return 0;
}

static Str quota_project(const Cloud *c)
{
    Str v = cloud_variable(c, "GOOGLE_CLOUD_QUOTA_PROJECT");

    return v.n || !c->google.key ? v : google_text(c->google.key, "quota_project_id");
}

static int gcs_sign(Object *o, const HttpAttempt *at, Arena *a, HttpHeaderVec *ret, Err *err)
{
    Secret token;
    Str project = quota_project(o->cloud);
    int r = 0;

    if (!o->plain)
        TRY(r = google_token(o->cloud, a, &token, err));
    o->anonymous = r == 0;
    if (r == 1) {
        o->source = str_dup_in(&o->arena, token.source);
        vec_push(ret, ((HttpHeader){S("Authorization"),
                                    str_fmt_in(a, "Bearer " STR_FMT, STR_ARG(token.text))}));
    }
    if (r == 1 && project.n)
        vec_push(ret, ((HttpHeader){S("X-Goog-User-Project"), project}));
    /* as it is stored: what is gunzipped on the way has other bytes than the checksum's */
    vec_push(ret, ((HttpHeader){S("Accept-Encoding"), S("gzip")}));
    if (at->range_from && at->etag.n)
        vec_push(ret, ((HttpHeader){S("If-Match"), at->etag}));
    return 0;
}

/* "crc32c=n03x6A==,md5=..." in one header or several */
static ObjectSums gcs_sums(const HttpAnswer *answer)
{
    ObjectSums sums = {0};

    vec_foreach(h, &answer->headers) {
        if (!str_eq(h->name, S("x-goog-hash")))
            continue;
        for (Str rest = h->value, one; str_next(&rest, ',', &one);) {
            one = str_trim(one);
            if (str_starts(one, S("crc32c=")))
                sums.crc32c_base64 = str_skip(one, 7);
            else if (str_starts(one, S("md5=")))
                sums.md5_base64 = str_skip(one, 4);
        }
    }
    return sums;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): as Amazon's, which sets it */
static const char *gcs_remedy(Object *o, const HttpAnswer *answer, Arena *a, bool *ret_again)
{
    Str words = answer_words(answer, a);

    (void)ret_again;
    if (answer->status == 404 && str_contains(words, S("bucket does not exist")))
        return "check the name of the bucket";
    if (answer->status == 404)
        return "check the names of the bucket and the object";
    if (o->anonymous && (answer->status == 401 || answer->status == 403))
        return "it is not for everybody: set GOOGLE_APPLICATION_CREDENTIALS, or give the machine a "
               "service account";
    if (answer->status == 401)
        return "the credentials are no longer good: get new ones";
    if (answer->status == 403 && str_contains(words, S("cope")))
        return "the machine's token is limited to other scopes: give it devstorage.read_only or "
               "cloud-platform";
    if (answer->status == 403)
        return "it takes storage.objects.get on the bucket (roles/storage.objectViewer)";
    return "";
}

const ObjectKind object_gcs = {"gs",      "Google Cloud Storage", gcs_open, gcs_sign, gcs_sums,
                               gcs_remedy};
