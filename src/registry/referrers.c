/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is attached to a manifest (OCI distribution-spec 1.1, "Listing Referrers"): a registry of
 * today keeps the list by itself, and says so with OCI-Subject when it is given a manifest with a
 * subject. For one of yesterday the list is an index under the tag sha256-HEX, which whoever
 * attaches something has to keep.
 */
#include "base/limits.h"
#include "registry/internal.h"

static Reference fallback_tag(const Reference *ref, const Digest *subject, Arena *a)
{
    Reference r = *ref;

    r.tag = str_fmt_in(a, "sha256-" STR_FMT, STR_ARG(digest_hex(subject)));
    r.digest = (Digest){0};
    return r;
}

/* 1 = the list is in *ret, 0 = the registry has no such API. */
static int ask_api(Registry *r, const Reference *ref, const Digest *subject, Index *ret, Arena *a,
                   Err *err)
{
    static const HttpHeader accept = {STR_LIT("Accept"), STR_LIT(MEDIA_OCI_INDEX)};
    cleanup_http_answer HttpAnswer answer = {0};
    EndpointVec one = {0};
    Endpoint at;
    Call call = {
        .at = &at,
        .path = str_fmt_in(a, "referrers/%s", subject->text),
        .actions = "pull",
        .http = {.method = "GET", .headers = &accept, .n_headers = 1, .max_body = LIMIT_MANIFEST}};

    endpoints_find(r, ref, USE_PUSH, a, &one); /* mirrors need not know */
    at = one.v[0];
    vec_done(&one);
    TRY(session_call(r, &call, &answer, err));
    if (answer.status == 404 || answer.status == 405 || answer.status == 501 ||
        answer.status == 400)
        return 0;
    if (answer.status != 200)
        return registry_fail(r, &at, &answer, "list referrers", err);
    TRY(index_parse(a, str_dup_in(a, buf_str(&answer.body)), ret, err));
    return 1;
}

static int read_fallback(Registry *r, const Reference *ref, const Digest *subject, Index *ret,
                         Arena *a, Err *err)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    Reference tag = fallback_tag(ref, subject, a);
    Descriptor ignored;

    *ret = (Index){.media_type = S(MEDIA_OCI_INDEX)};
    if (registry_fetch(r, &tag, &ignored, &json, a, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    return index_parse(a, str_dup_in(a, buf_str(&json)), ret, err);
}

int registry_referrers(Registry *r, const Reference *ref, const Digest *subject, Index *ret,
                       Arena *a, Err *err)
{
    int there = ask_api(r, ref, subject, ret, a, err);

    if (there < 0)
        return registry_wrap(ref, err);
    return there ? 0 : read_fallback(r, ref, subject, ret, a, err);
}

static int add_to_fallback(Registry *r, const Reference *ref, const Descriptor *self,
                           const Digest *subject, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    Reference tag = fallback_tag(ref, subject, &a);
    Descriptor *all;
    Digest digest;
    Index x;

    TRY(read_fallback(r, ref, subject, &x, &a, err));
    for (size_t i = 0; i < x.n_manifests; i++)
        if (digest_eq(&x.manifests[i].digest, &self->digest))
            return 0;
    all = arena_new_n(&a, Descriptor, x.n_manifests + 1);
    if (x.n_manifests)
        memcpy(all, x.manifests, x.n_manifests * sizeof(*all));
    all[x.n_manifests++] = *self;
    x.manifests = all;
    index_format(&x, &json);
    TRY(buf_check(&json, "the list of referrers", err));
    digest = digest_of(buf_str(&json));
    return registry_push_manifest(r, &tag, x.media_type, buf_str(&json), &digest, err);
}

int registry_push_referrer(Registry *r, const Reference *ref, Str json, const Descriptor *self,
                           const Digest *subject, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Reference by_digest = *ref;
    Index ignored;
    int has_api;
    bool seen;

    by_digest.tag = S("");
    by_digest.digest = self->digest;
    TRY(manifest_push(r, &by_digest, self->media_type, json, &self->digest, &seen, err));
    if (seen)
        return 0;
    has_api = ask_api(r, ref, subject, &ignored, &a, err); /* one pushed before says nothing */
    if (has_api < 0)
        return registry_wrap(ref, err);
    return has_api ? 0 : add_to_fallback(r, ref, self, subject, err);
}
