/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/descriptor.h"

#include "base/limits.h"
#include "oci/document.h"

static int platform_read(Arena *a, const Json *map, Platform *ret, Err *err)
{
    Platform p;

    TRY(doc_text(map, "os", a, &p.os, err));
    TRY(doc_text(map, "architecture", a, &p.arch, err));
    TRY(doc_text(map, "variant", a, &p.variant, err));
    TRY(doc_text(map, "os.version", a, &p.os_version, err));
    *ret = p;
    return 0;
}

static Json *platform_to_json(const Platform *p)
{
    Json *map = json_new_map();

    json_set_text(map, "architecture", p->arch);
    json_set_text(map, "os", p->os);
    doc_put_text(map, "os.version", p->os_version);
    doc_put_text(map, "variant", p->variant);
    return map;
}

int annotations_parse(Arena *a, const Json *map, Annotation **ret, size_t *ret_n, Err *err)
{
    const Json *list;
    Annotation *v;
    size_t n = 0;

    TRY(doc_find(map, "annotations", JSON_MAP, &list, err));
    v = arena_new_n(a, Annotation, json_count(list));
    for (JsonIter it = {0}; json_next(list, &it);) {
        Str value = S("");

        if (!json_get_text(it.value, &value) && json_type(it.value) != JSON_NIL)
            return err_set(err, ERR_FORMAT, "annotation \"" STR_FMT "\" is no string",
                           STR_ARG(it.key));
        v[n++] = (Annotation){str_dup_in(a, it.key), str_dup_in(a, value)};
    }
    *ret = v;
    *ret_n = n;
    return 0;
}

void annotations_put(Json *map, const Annotation *v, size_t n)
{
    Json *to;

    if (n == 0)
        return;
    to = json_new_map();
    for (size_t i = 0; i < n; i++)
        doc_put(to, v[i].key, json_new_text(v[i].value));
    json_set(map, "annotations", to);
}

static int size_parse(const Json *map, uint64_t *ret, Err *err)
{
    int64_t size;

    if (json_type(json_find(map, "size")) == JSON_ABSENT)
        return err_set(err, ERR_FORMAT, "\"size\" is missing");
    TRY(doc_int(map, "size", &size, err));
    if (size < 0)
        return err_set(err, ERR_FORMAT, "\"size\" is negative");
    if ((uint64_t)size > LIMIT_FILE_SIZE)
        return err_set(err, ERR_LIMIT, "\"size\" is %jd bytes, more than the limit of %ju",
                       (intmax_t)size, (uintmax_t)LIMIT_FILE_SIZE);
    *ret = (uint64_t)size;
    return 0;
}

static int digest_member(const Json *map, Arena *a, Digest *ret, Err *err)
{
    Str text;

    TRY(doc_text(map, "digest", a, &text, err));
    if (text.n == 0)
        return err_set(err, ERR_FORMAT, "\"digest\" is missing");
    return digest_parse(text, ret, err);
}

static int urls_parse(Arena *a, const Json *map, Descriptor *d, Err *err)
{
    StrVec urls = {0};
    int r = doc_texts(map, "urls", a, &urls, err);

    if (r == 0 && urls.n > 0) {
        d->urls = arena_new_n(a, Str, urls.n);
        memcpy(d->urls, urls.v, urls.n * sizeof(*urls.v));
        d->n_urls = urls.n;
    }
    vec_done(&urls);
    return r;
}

int descriptor_parse(Arena *a, const Json *j, Descriptor *ret, Err *err)
{
    Descriptor d = {0};
    const Json *platform;

    if (json_type(j) != JSON_MAP)
        return err_set(err, ERR_FORMAT, "a descriptor must be an object");
    TRY(doc_text(j, "mediaType", a, &d.media_type, err));
    if (d.media_type.n == 0)
        return err_set(err, ERR_FORMAT, "\"mediaType\" is missing");
    TRY(digest_member(j, a, &d.digest, err));
    TRY(size_parse(j, &d.size, err));
    TRY(urls_parse(a, j, &d, err));
    TRY(annotations_parse(a, j, &d.annotations, &d.n_annotations, err));
    TRY(doc_text(j, "artifactType", a, &d.artifact_type, err));
    TRY(doc_find(j, "platform", JSON_MAP, &platform, err));
    if (platform)
        TRY(platform_read(a, platform, &d.platform, err));
    d.has_platform = platform != NULL;
    *ret = d;
    return 0;
}

Json *descriptor_to_json(const Descriptor *d)
{
    Json *map = json_new_map(), *urls;

    json_set_text(map, "mediaType", d->media_type);
    json_set_text(map, "digest", str_from(d->digest.text));
    json_set(map, "size", json_new_int((int64_t)d->size));
    if (d->n_urls) {
        urls = json_new_list();
        for (size_t i = 0; i < d->n_urls; i++)
            json_append(urls, json_new_text(d->urls[i]));
        json_set(map, "urls", urls);
    }
    doc_put_text(map, "artifactType", d->artifact_type);
    annotations_put(map, d->annotations, d->n_annotations);
    if (d->has_platform)
        json_set(map, "platform", platform_to_json(&d->platform));
    return map;
}

Str descriptor_annotation(const Descriptor *d, const char *key)
{
    for (size_t i = 0; i < d->n_annotations; i++)
        if (str_eq(d->annotations[i].key, str_from(key)))
            return d->annotations[i].value;
    return S("");
}
