/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests: from a reference down through indexes to the image of one platform, and up again.
 *
 * Each step of the way down is bound to the one before by a digest, so only the first can be lied
 * about, and that only where the reference names a tag.
 */
#include "base/limits.h"
#include "base/log.h"
#include "registry/internal.h"

enum {
    INDEX_DEPTH_MAX = 4
};

#define ACCEPT \
    MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_LIST ", " MEDIA_DOCKER_MANIFEST

/* One document as it came. */
typedef struct Document {
    Str media_type; /* as the server said, parameters cut */
    Str json;
    Digest digest;
} Document;

/* Its digest, whoever vouches for it: the reference or index, the server's own header. */
static int check_document(const Document *doc, const Descriptor *want, const HttpAnswer *answer,
                          Err *err)
{
    Str said = http_header(answer, "docker-content-digest");

    if (digest_is_set(&want->digest)) {
        if (!digest_eq(&want->digest, &doc->digest))
            return err_set(err, ERR_DIGEST, "the manifest is %s, want %s", doc->digest.text,
                           want->digest.text);
        if (want->size && want->size != doc->json.n)
            return err_set(err, ERR_FORMAT, "the manifest is %zu bytes, its index says %ju",
                           doc->json.n, (uintmax_t)want->size);
    } else if (str_starts(said, S("sha256:")) && !str_eq(said, str_from(doc->digest.text))) {
        return err_set(err, ERR_DIGEST, "the manifest is %s, the registry says " STR_FMT,
                       doc->digest.text, STR_ARG(said));
    }
    return 0;
}

/* GET manifests/KEY; want->digest may be unset and want->size 0. The text lives as long as 'a'. */
static int get_document(Registry *r, const Endpoint *at, Str key, const Descriptor *want, Arena *a,
                        Document *ret, Err *err)
{
    static const HttpHeader accept = {{"Accept", 6}, {ACCEPT, sizeof(ACCEPT) - 1}};
    cleanup_http_answer HttpAnswer answer = {0};
    Str what = str_fmt_in(a, "manifest " STR_FMT, STR_ARG(key)), params;
    Call call = {
        .at = at,
        .path = str_fmt_in(a, "manifests/" STR_FMT, STR_ARG(key)),
        .actions = "pull",
        .http = {.method = "GET", .headers = &accept, .n_headers = 1, .max_body = LIMIT_MANIFEST}};

    if (session_call(r, &call, &answer, err) < 0)
        return err_wrap(err, STR_FMT, STR_ARG(what));
    if (answer.status != 200)
        return registry_fail(r, at, &answer, what.p, err);
    ret->json = str_dup_in(a, buf_str(&answer.body));
    ret->digest = digest_of(ret->json);
    ret->media_type = str_dup_in(a, http_header(&answer, "content-type"));
    if (str_cut(ret->media_type, ';', &ret->media_type, &params))
        ret->media_type = str_trim(ret->media_type);
    if (check_document(ret, want, &answer, err) < 0)
        return err_wrap(err, STR_FMT, STR_ARG(what));
    return 0;
}

typedef struct Resolve {
    Registry *r;
    const Reference *ref;
    const Platform *platform; /* NULL: the document itself, whatever it is */
    Arena *arena;             /* of the whole call; the result's strings live here */
    Descriptor found;
    Str json;
} Resolve;

/* The media type that the document has by its own account. */
static int document_type(Arena *a, Str json, MediaKind kind, Str *ret, Err *err)
{
    Manifest m;
    Index x;

    if (kind == MEDIA_KIND_MANIFEST) {
        TRY(manifest_parse(a, json, &m, err));
        *ret = m.media_type;
    } else {
        TRY(index_parse(a, json, &x, err));
        *ret = x.media_type;
    }
    return 0;
}

/* The document an index points to for our platform; 0 = x->found and x->json are set, 1 = go on with
   *step. */
static int descend(Resolve *x, const Document *doc, Descriptor *step, Err *err)
{
    const Descriptor *chosen;
    MediaKind kind;
    Index index;

    TRY(manifest_kind(doc->json, doc->media_type, &kind, err));
    if (kind == MEDIA_KIND_MANIFEST || !x->platform) {
        x->found = *step;
        TRY(document_type(x->arena, doc->json, kind, &x->found.media_type, err));
        x->found.digest = doc->digest;
        x->found.size = doc->json.n;
        x->json = doc->json;
        return 0;
    }
    TRY(index_parse(x->arena, doc->json, &index, err));
    TRY(index_choose(&index, x->platform, &chosen, err));
    *step = *chosen;
    return 1;
}

static int resolve_at(Resolve *x, const Endpoint *at, Err *err)
{
    Descriptor step = {.digest = x->ref->digest};
    Str key = reference_manifest_key(x->ref);

    for (unsigned depth = 0; depth <= INDEX_DEPTH_MAX; depth++) {
        Document doc = {0};
        int r;

        TRY(get_document(x->r, at, key, &step, x->arena, &doc, err));
        r = descend(x, &doc, &step, err);
        if (r < 0)
            return err_wrap(err, "manifest " STR_FMT, STR_ARG(key));
        if (r == 0)
            return 0;
        key = str_dup_in(x->arena, str_from(step.digest.text));
    }
    return err_set(err, ERR_LIMIT, "indexes within indexes, more than %d deep", INDEX_DEPTH_MAX);
}

/* The registry's own answer is what people should read, so the last error wins over the mirrors'. */
static int resolve_once(void *arg, Err *err)
{
    Resolve *x = arg;
    EndpointVec all = {0};
    int r = -1;

    endpoints_find(x->r, x->ref, USE_PULL, x->arena, &all);
    for (size_t i = 0; i < all.n && r < 0; i++) {
        r = resolve_at(x, &all.v[i], err);
        if (r == 0)
            endpoint_prefer(x->r, x->ref, i);
        else if (!error_is_of_endpoint(err))
            break;
        else if (i + 1 < all.n)
            endpoint_tell(x->r, &all.v[i], &all.v[i + 1], err);
    }
    vec_done(&all);
    return r;
}

static int resolve(Resolve *x, Descriptor *ret, Buf *ret_json, Err *err)
{
    if (registry_retry(x->r, x->r->opts->pull_retries, resolve_once, x, err) < 0)
        return registry_wrap(x->ref, err);
    buf_add(ret_json, x->json);
    TRY(buf_check(ret_json, "the manifest", err));
    *ret = x->found;
    return 0;
}

int registry_resolve(Registry *r, const Reference *ref, const Platform *platform, Descriptor *ret,
                     Buf *ret_json, Arena *a, Err *err)
{
    Platform host = platform_host();
    Resolve x = {.r = r, .ref = ref, .platform = platform ? platform : &host, .arena = a};

    return resolve(&x, ret, ret_json, err);
}

int registry_fetch(Registry *r, const Reference *ref, Descriptor *ret, Buf *ret_json, Arena *a,
                   Err *err)
{
    Resolve x = {.r = r, .ref = ref, .arena = a};

    return resolve(&x, ret, ret_json, err);
}

typedef struct PushManifest {
    Registry *r;
    const Endpoint *at;
    Str key, media_type, json;
    const Digest *digest;
    bool subject_seen; /* the registry keeps the list of referrers itself */
} PushManifest;

/* 1 = the tag already points there. A registry that cannot tell is no reason to stop. */
static int is_there(const PushManifest *p, Arena *a, Err *err)
{
    static const HttpHeader accept = {{"Accept", 6}, {ACCEPT, sizeof(ACCEPT) - 1}};
    cleanup_http_answer HttpAnswer answer = {0};
    Call call = {.at = p->at,
                 .path = str_fmt_in(a, "manifests/" STR_FMT, STR_ARG(p->key)),
                 .actions = "pull,push",
                 .http = {.method = "HEAD", .headers = &accept, .n_headers = 1}};

    TRY(session_call(p->r, &call, &answer, err));
    return answer.status == 200 &&
           str_eq(http_header(&answer, "docker-content-digest"), str_from(p->digest->text));
}

static int refused(const PushManifest *p, const HttpAnswer *answer, const char *what, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str words = error_words(buf_str(&answer->body), http_header(answer, "content-type"), &a);

    if (!words_say_immutable(words))
        return registry_fail(p->r, p->at, answer, what, err);
    return err_set(err, ERR_IMMUTABLE,
                   "%s: HTTP %d: " STR_FMT
                   " (a new tag, or --push-ignore-immutable-tag-errors to leave it)",
                   what, answer->status, STR_ARG(words));
}

static int push_once(void *arg, Err *err)
{
    PushManifest *p = arg;
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_http_answer HttpAnswer answer = {0};
    HttpHeader type = {S("Content-Type"), p->media_type};
    Str what = str_fmt_in(&a, "push manifest " STR_FMT, STR_ARG(p->key)), said;
    Call call = {.at = p->at,
                 .path = str_fmt_in(&a, "manifests/" STR_FMT, STR_ARG(p->key)),
                 .actions = "pull,push",
                 .http = {.method = "PUT", .headers = &type, .n_headers = 1, .body = p->json}};
    int there = is_there(p, &a, err);

    if (there < 0)
        return err_wrap(err, STR_FMT, STR_ARG(what));
    if (there)
        return 0;
    if (session_call(p->r, &call, &answer, err) < 0)
        return err_wrap(err, STR_FMT, STR_ARG(what));
    if (answer.status < 200 || answer.status >= 300)
        return refused(p, &answer, what.p, err);
    p->subject_seen = http_header(&answer, "oci-subject").n > 0;
    said = http_header(&answer, "docker-content-digest");
    if (str_starts(said, S("sha256:")) && !str_eq(said, str_from(p->digest->text)))
        return err_set(err, ERR_DIGEST, STR_FMT ": the registry stored " STR_FMT ", sent %s",
                       STR_ARG(what), STR_ARG(said), p->digest->text);
    return 0;
}

int registry_push_manifest(Registry *r, const Reference *ref, Str media_type, Str json,
                           const Digest *digest, Err *err)
{
    bool ignored;

    return manifest_push(r, ref, media_type, json, digest, &ignored, err);
}

/* NOLINTNEXTLINE(readability-function-size): as registry_push_manifest(), and one more */
int manifest_push(Registry *r, const Reference *ref, Str media_type, Str json, const Digest *digest,
                  bool *ret_subject_seen, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    EndpointVec one = {0};
    PushManifest p = {.r = r, .media_type = media_type, .json = json, .digest = digest};
    int result;

    p.key = ref->tag.n ? ref->tag : str_from(digest->text);
    endpoints_find(r, ref, USE_PUSH, &a, &one);
    p.at = &one.v[0];
    result = registry_retry(r, r->opts->push_retries, push_once, &p, err);
    vec_done(&one);
    if (result < 0)
        return registry_wrap(ref, err);
    *ret_subject_seen = p.subject_seen;
    return 0;
}

static int look_once(void *arg, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;

    return is_there(arg, &a, err);
}

int registry_has_manifest(Registry *r, const Reference *ref, const Digest *digest, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    EndpointVec one = {0};
    PushManifest p = {.r = r, .key = str_from(digest->text), .digest = digest};
    int result;

    endpoints_find(r, ref, USE_PUSH, &a, &one);
    p.at = &one.v[0];
    result = registry_retry(r, r->opts->push_retries, look_once, &p, err);
    vec_done(&one);
    return result < 0 ? registry_wrap(ref, err) : result;
}
