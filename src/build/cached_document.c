/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document in a cache is an image without layers: the document is its config, which is embedded as that of an
 * entry is.
 */
#include "base/limits.h"
#include "build/cached_internal.h"
#include "codec/base64.h"

static int format_manifest(Str config, const Descriptor *d, Buf *ret, Err *err)
{
    cleanup_buf Buf data = BUF_INIT(LIMIT_MANIFEST);

    base64_encode(BASE64_STANDARD, config, &data);
    buf_addf(ret,
             "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST
             "\",\"config\":{\"mediaType\":\"" STR_FMT
             "\",\"digest\":\"%s\",\"size\":%zu,\"data\":\"",
             STR_ARG(d->media_type), d->digest.text, config.n);
    buf_add(ret, buf_str(&data));
    buf_add_z(ret, "\"},\"layers\":[]}");
    TRY(buf_check(&data, "the document", err));
    return buf_check(ret, "the document", err);
}

/* One that fails is no reason to leave out the others; the last error stands. */
static int put_everywhere(const Builder *b, const CacheWrite *w, Err *err)
{
    int rc = 0;

    vec_foreach(to, &b->cache->to) {
        if (atomic_load(&(*to)->broken) || cache_repo_put((*to)->repo, w, err) == 0)
            continue;
        if (cached_is_of_repository(err))
            cached_source_failed(*to, err);
        rc = -1;
    }
    return rc;
}

int cached_put_document(const Builder *b, const CacheKey *key, const Json *doc, Err *err)
{
    cleanup_buf Buf config = BUF_INIT(LIMIT_MANIFEST / 2), manifest = BUF_INIT(LIMIT_MANIFEST);
    Descriptor d = {.media_type = S(MEDIA_OCI_CONFIG)};
    CacheWrite w = {.keys = key, .n_keys = 1, .config = &d, .mount_from = S("")};

    json_format(doc, 0, &config);
    TRY(buf_check(&config, "the document", err));
    d.digest = digest_of(buf_str(&config));
    d.size = config.n;
    TRY(format_manifest(buf_str(&config), &d, &manifest, err));
    w.config_json = buf_str(&config);
    w.manifest = buf_str(&manifest);
    return put_everywhere(b, &w, err);
}

static bool parse(Str manifest, Json **ret)
{
    cleanup_with(json_free_at) Json *doc = NULL;
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    Str data;
    Err err;

    return json_parse(manifest, "manifest", &doc, &err) == 0 &&
           json_get_text(json_find(json_find(doc, "config"), "data"), &data) &&
           base64_decode(BASE64_STANDARD, data, &text) &&
           json_parse(buf_str(&text), "document", ret, &err) == 0;
}

Json *cached_find_document(const Builder *b, const CacheKey *key)
{
    Json *doc = NULL;

    if (!b->cache)
        return NULL;
    vec_foreach(from, &b->cache->from) {
        cleanup_buf Buf manifest = BUF_INIT(LIMIT_MANIFEST);
        int found;
        Err err;

        if (doc || atomic_load(&(*from)->broken))
            continue;
        found = cache_repo_find((*from)->repo, key, &manifest, &err);
        if (found < 0)
            cached_source_failed(*from, &err);
        else if (found > 0 && !parse(buf_str(&manifest), &doc))
            doc = NULL;
    }
    return doc;
}
