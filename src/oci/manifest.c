/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a document is, is decided once, from everything that is known: what the sender called it,
 * what it calls itself, and which members it has. A document that could be read as a manifest by
 * one program and as an index by another is refused, because the two would then run different
 * images under one digest (CVE-2021-41190).
 */
#include "oci/manifest.h"

#include "base/limits.h"
#include "oci/descriptor.h"
#include "oci/document.h"

static bool has(const Json *doc, const char *key)
{
    JsonType t = json_type(json_find(doc, key));

    return t != JSON_ABSENT && t != JSON_NIL;
}

static bool is_schema1(const Json *doc, Str media_type)
{
    int64_t version = 0;

    return (json_get_int(json_find(doc, "schemaVersion"), &version) && version == 1) ||
           has(doc, "fsLayers") ||
           str_starts(media_type, S("application/vnd.docker.distribution.manifest.v1+"));
}

static int refuse_schema1(const Json *doc, Str media_type, Err *err)
{
    if (is_schema1(doc, media_type))
        return err_set(err, ERR_UNSUPPORTED,
                       "the image has a Docker schema 1 manifest, a format given up in 2017; "
                       "push it again with a current tool");
    return 0;
}

static MediaKind image_kind(MediaKind k)
{
    return k == MEDIA_KIND_MANIFEST || k == MEDIA_KIND_INDEX ? k : MEDIA_KIND_UNKNOWN;
}

/* What the members say; with nothing but nulls in it a document may still say what it is. */
static MediaKind kind_by_members(const Json *doc)
{
    if (has(doc, "manifests"))
        return MEDIA_KIND_INDEX;
    if (has(doc, "config") || has(doc, "layers"))
        return MEDIA_KIND_MANIFEST;
    return MEDIA_KIND_UNKNOWN;
}

static const char *kind_name(MediaKind k)
{
    return k == MEDIA_KIND_INDEX ? "an image index" : "an image manifest";
}

static int kind_decide(const Json *doc, Str said_type, MediaKind *ret, Err *err)
{
    Str own_type = S("");
    MediaKind said = image_kind(media_kind(said_type)), own, kind;

    TRY(refuse_schema1(doc, said_type, err));
    if (has(doc, "manifests") && (has(doc, "config") || has(doc, "layers")))
        return err_set(err, ERR_FORMAT, "has the members of a manifest and of an index");
    (void)json_get_text(json_find(doc, "mediaType"), &own_type);
    own = image_kind(media_kind(own_type));
    kind = kind_by_members(doc);
    if (kind == MEDIA_KIND_UNKNOWN)
        kind = own != MEDIA_KIND_UNKNOWN ? own : said;
    if (kind == MEDIA_KIND_UNKNOWN)
        return err_set(err, ERR_FORMAT, "is neither an image manifest nor an image index");
    if ((own != MEDIA_KIND_UNKNOWN && own != kind) || (said != MEDIA_KIND_UNKNOWN && said != kind))
        return err_set(err, ERR_FORMAT, "is %s, but was declared to be %s", kind_name(kind),
                       kind_name(kind == MEDIA_KIND_INDEX ? MEDIA_KIND_MANIFEST
                                                          : MEDIA_KIND_INDEX));
    *ret = kind;
    return 0;
}

int manifest_kind(Str json, Str media_type, MediaKind *ret_kind, Err *err)
{
    cleanup_with(json_free_at) Json *doc = NULL;

    TRY(doc_open(json, LIMIT_INDEX, "manifest", &doc, err));
    if (kind_decide(doc, media_type, ret_kind, err) < 0)
        return err_wrap(err, "manifest");
    return 0;
}

static int version_check(const Json *doc, Err *err)
{
    int64_t version;

    TRY(doc_int(doc, "schemaVersion", &version, err));
    if (version != 0 && version != 2)
        return err_set(err, ERR_UNSUPPORTED, "schemaVersion %jd is not supported, only 2",
                       (intmax_t)version);
    return 0;
}

/* Open 'json' as a document of one kind. */
static int open_kind(Str json, MediaKind want, size_t max, const char *what, Json **ret, Err *err)
{
    cleanup_with(json_free_at) Json *doc = NULL;
    MediaKind kind;

    TRY(doc_open(json, max, what, &doc, err));
    if (kind_decide(doc, S(""), &kind, err) < 0 || version_check(doc, err) < 0)
        return err_wrap(err, "%s", what);
    if (kind != want)
        return err_set(err, ERR_FORMAT, "%s: is %s", what, kind_name(kind));
    *ret = steal_ptr(&doc);
    return 0;
}

/* A list of descriptors; nothing is allocated before its length is judged. */
static int descriptors_parse(Arena *a, const Json *doc, const char *key, size_t max,
                             Descriptor **ret, size_t *ret_n, Err *err)
{
    const Json *list;
    Descriptor *v;
    size_t n;

    TRY(doc_find(doc, key, JSON_LIST, &list, err));
    n = json_count(list);
    if (n > max)
        return err_set(err, ERR_LIMIT, "%zu entries in \"%s\", more than %zu", n, key, max);
    v = arena_new_n(a, Descriptor, n);
    for (size_t i = 0; i < n; i++)
        if (descriptor_parse(a, json_at(list, i), &v[i], err) < 0)
            return err_wrap(err, "\"%s\"[%zu]", key, i);
    *ret = v;
    *ret_n = n;
    return 0;
}

static int manifest_read(Arena *a, const Json *doc, Manifest *m, Err *err)
{
    TRY(doc_text(doc, "mediaType", a, &m->media_type, err));
    if (!has(doc, "config"))
        return err_set(err, ERR_FORMAT, "\"config\" is missing");
    if (descriptor_parse(a, json_find(doc, "config"), &m->config, err) < 0)
        return err_wrap(err, "\"config\"");
    TRY(descriptors_parse(a, doc, "layers", LIMIT_LAYERS, &m->layers, &m->n_layers, err));
    TRY(annotations_parse(a, doc, &m->annotations, &m->n_annotations, err));
    TRY(doc_text(doc, "artifactType", a, &m->artifact_type, err));
    m->has_subject = has(doc, "subject");
    if (m->has_subject && descriptor_parse(a, json_find(doc, "subject"), &m->subject, err) < 0)
        return err_wrap(err, "\"subject\"");
    /* OCI lets a manifest leave its own type out; Docker's always has it. */
    if (media_kind(m->media_type) != MEDIA_KIND_MANIFEST)
        m->media_type = media_is_docker(m->config.media_type) ? S(MEDIA_DOCKER_MANIFEST)
                                                              : S(MEDIA_OCI_MANIFEST);
    return 0;
}

int manifest_parse(Arena *a, Str json, Manifest *ret, Err *err)
{
    cleanup_with(json_free_at) Json *doc = NULL;
    Manifest m = {0};

    TRY(open_kind(json, MEDIA_KIND_MANIFEST, LIMIT_MANIFEST, "manifest", &doc, err));
    if (manifest_read(a, doc, &m, err) < 0)
        return err_wrap(err, "manifest");
    *ret = m;
    return 0;
}

static int index_read(Arena *a, const Json *doc, Index *x, Err *err)
{
    TRY(doc_text(doc, "mediaType", a, &x->media_type, err));
    TRY(descriptors_parse(a, doc, "manifests", LIMIT_INDEX_ENTRIES, &x->manifests, &x->n_manifests,
                          err));
    TRY(annotations_parse(a, doc, &x->annotations, &x->n_annotations, err));
    if (media_kind(x->media_type) != MEDIA_KIND_INDEX)
        x->media_type = S(MEDIA_OCI_INDEX);
    return 0;
}

int index_parse(Arena *a, Str json, Index *ret, Err *err)
{
    cleanup_with(json_free_at) Json *doc = NULL;
    Index x = {0};

    TRY(open_kind(json, MEDIA_KIND_INDEX, LIMIT_INDEX, "image index", &doc, err));
    if (index_read(a, doc, &x, err) < 0)
        return err_wrap(err, "image index");
    *ret = x;
    return 0;
}

static Json *document_begin(Str media_type, const char *otherwise)
{
    Json *doc = json_new_map();

    json_set(doc, "schemaVersion", json_new_int(2));
    json_set_text(doc, "mediaType", media_type.n ? media_type : str_from(otherwise));
    return doc;
}

static void put_descriptors(Json *doc, const char *key, const Descriptor *v, size_t n)
{
    Json *list = json_new_list();

    for (size_t i = 0; i < n; i++)
        json_append(list, descriptor_to_json(&v[i]));
    json_set(doc, key, list);
}

void manifest_format(const Manifest *m, Buf *out)
{
    cleanup_with(json_free_at) Json *doc = document_begin(m->media_type, MEDIA_OCI_MANIFEST);

    doc_put_text(doc, "artifactType", m->artifact_type);
    json_set(doc, "config", descriptor_to_json(&m->config));
    put_descriptors(doc, "layers", m->layers, m->n_layers);
    if (m->has_subject)
        json_set(doc, "subject", descriptor_to_json(&m->subject));
    annotations_put(doc, m->annotations, m->n_annotations);
    json_format(doc, 0, out);
}

void index_format(const Index *x, Buf *out)
{
    cleanup_with(json_free_at) Json *doc = document_begin(x->media_type, MEDIA_OCI_INDEX);

    put_descriptors(doc, "manifests", x->manifests, x->n_manifests);
    annotations_put(doc, x->annotations, x->n_annotations);
    json_format(doc, 0, out);
}

static Platform entry_platform(const Descriptor *d)
{
    return d->has_platform ? d->platform : (Platform){.os = S("linux"), .arch = S("amd64")};
}

bool descriptor_is_image(const Descriptor *d)
{
    if (image_kind(media_kind(d->media_type)) == MEDIA_KIND_UNKNOWN)
        return false;
    if (d->has_platform && str_eq(d->platform.os, S("unknown")) &&
        str_eq(d->platform.arch, S("unknown")))
        return false;
    return descriptor_annotation(d, "vnd.docker.reference.type").n == 0;
}

enum {
    LISTED_MAX = 8 /* platforms that a message names */
};

static void list_platforms(const Index *x, Buf *out)
{
    cleanup_arena Arena a = ARENA_INIT;
    size_t n = 0;

    for (size_t i = 0; i < x->n_manifests; i++) {
        Platform p = entry_platform(&x->manifests[i]);

        if (!descriptor_is_image(&x->manifests[i]) || ++n > LISTED_MAX)
            continue;
        buf_add_z(out, n == 1 ? "it has " : ", ");
        buf_add(out, platform_format(&a, &p));
    }
    if (n == 0)
        buf_add_z(out, "it has none at all");
    if (n > LISTED_MAX)
        buf_addf(out, " and %zu more", n - LISTED_MAX);
}

int index_choose(const Index *x, const Platform *want, const Descriptor **ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf there = BUF_INIT(BUF_SMALL);
    const Descriptor *best = NULL;
    unsigned best_score = 0;
    Str wanted;

    for (size_t i = 0; i < x->n_manifests; i++) {
        Platform have = entry_platform(&x->manifests[i]);
        unsigned score = descriptor_is_image(&x->manifests[i]) ? platform_match(want, &have) : 0;

        if (score > best_score) {
            best = &x->manifests[i];
            best_score = score;
        }
    }
    if (best) {
        *ret = best;
        return 0;
    }
    list_platforms(x, &there);
    wanted = platform_format(&a, want);
    return err_set(err, ERR_NOT_FOUND, "no image for " STR_FMT " in the image index: %s",
                   STR_ARG(wanted), buf_z(&there));
}
