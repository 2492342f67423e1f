/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What files behind URLs can be known by, so that ADD need not fetch again what has not changed:
 *
 *      under the URL: {"etag", "place", "size", "digest"}      (RemoteStamp)
 *
 * Nothing depends on it but whether the file is transferred: keys are made of the digest either way.
 * A URL with a user is asked as before: its files may be another user's next time.
 */
#include "base/log.h"
#include "build/cached_internal.h"

static CacheKey stamp_key(Str url, Arena *a)
{
    KeyMaker k = key_begin("remote file", a, NULL);

    key_add(&k, "url", url);
    return key_end(&k);
}

static bool may_be_kept(Str url)
{
    Str host = url_host(url);

    return remote_kind(url) == REMOTE_FILE && (host.p == url.p || host.p[-1] != '@');
}

/* --- reading --- */

static bool get_digest(const Json *doc, const char *name, Digest *ret)
{
    Str text;
    Err err;

    return json_get_text(json_find(doc, name), &text) && digest_parse(text, ret, &err) == 0;
}

static bool parse_stamp(const Json *doc, Arena *a, RemoteStamp *ret)
{
    RemoteStamp s = {0};
    int64_t size;

    if (!json_get_text(json_find(doc, "etag"), &s.etag) || !get_digest(doc, "place", &s.place) ||
        !get_digest(doc, "digest", &s.digest) || !json_get_int(json_find(doc, "size"), &size) ||
        size < 0)
        return false;
    s.size = (uint64_t)size;
    s.etag = str_dup_in(a, s.etag);
    *ret = s;
    return remote_stamp_is_sane(&s);
}

bool cached_remote_find(Builder *b, Str url, RemoteStamp *ret)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_with(json_free_at) Json *doc = NULL;
    CacheKey key = stamp_key(url, &a);

    if (!may_be_kept(url))
        return false;
    doc = cached_find_document(b, &key);
    return doc && parse_stamp(doc, &b->arena, ret);
}

/* --- writing --- */

static bool same_stamp(const RemoteStamp *a, const RemoteStamp *b)
{
    return str_eq(a->etag, b->etag) && digest_eq(&a->place, &b->place) &&
           digest_eq(&a->digest, &b->digest);
}

static int write_stamp(const Builder *b, Str url, const RemoteStamp *s, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_with(json_free_at) Json *doc = json_new_map();
    CacheKey key = stamp_key(url, &a);

    json_set_text(doc, "etag", s->etag);
    json_set_text(doc, "place", str_from(s->place.text));
    json_set(doc, "size", json_new_int((int64_t)s->size));
    json_set_text(doc, "digest", str_from(s->digest.text));
    return cached_put_document(b, &key, doc, err);
}

static void write_of_step(const Builder *b, const Step *step)
{
    vec_foreach(r, &step->cache->remotes) {
        RemoteStamp now;
        Err err;

        if (!may_be_kept(r->source) || !remote_file_stamp(r->context, &now) ||
            (r->is_known && same_stamp(&now, &r->known)))
            continue;
        if (write_stamp(b, r->source, &now, &err) < 0)
            log_debug("what %s is known by was not kept: %s", context_name(r->context), err.msg);
    }
}

void cached_write_remotes(const Plan *p)
{
    if (!p->b->cache || p->b->cache->to.n == 0 || p->b->req->dryrun)
        return;
    vec_foreach(s, &p->stages)
        vec_foreach(step, &(*s)->steps)
            if (step->cache)
                write_of_step(p->b, step);
}
