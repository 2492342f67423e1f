/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/entry.h"

#include "base/limits.h"
#include "base/num.h"
#include "codec/base64.h"
#include "oci/descriptor.h"

#define LABEL "dev.kiln.cache."

/* --- writing --- */

static void set_number(Json *map, const char *name, uint64_t v)
{
    cleanup_arena Arena a = ARENA_INIT;

    json_set_text(map, name, str_fmt_in(&a, "%llu", (unsigned long long)v));
}

static Json *labels_of(const CacheEntry *e)
{
    Json *labels = json_new_map();

    json_set_text(labels, LABEL "version", S(CACHE_KEY_VERSION));
    json_set_text(labels, LABEL "key", cache_key_str(&e->key));
    if (cache_key_is_set(&e->content_key))
        json_set_text(labels, LABEL "content-key", cache_key_str(&e->content_key));
    set_number(labels, LABEL "written-ns", (uint64_t)e->written_ns);
    set_number(labels, LABEL "content-ns", e->content_ns > 0 ? (uint64_t)e->content_ns : 0);
    set_number(labels, LABEL "files", e->files);
    set_number(labels, LABEL "deletions", e->deletions);
    return labels;
}

static void list_add(Json *map, const char *name, Json *taken)
{
    Json *list = json_new_list();

    json_append(list, taken);
    json_set(map, name, list);
}

static Json *config_of(const CacheEntry *e, Str created)
{
    Json *config = json_new_map(), *inner = json_new_map(), *rootfs = json_new_map(),
         *history = json_new_map();

    json_set_text(config, "created", created);
    json_set_text(config, "architecture", e->platform.arch);
    json_set_text(config, "os", e->platform.os);
    if (e->platform.variant.n)
        json_set_text(config, "variant", e->platform.variant);
    json_set(inner, "Labels", labels_of(e));
    json_set(config, "config", inner);
    json_set_text(rootfs, "type", S("layers"));
    list_add(rootfs, "diff_ids", json_new_text(str_from(e->diff_id.text)));
    json_set(config, "rootfs", rootfs);
    json_set_text(history, "created", created);
    json_set_text(history, "created_by", e->created_by);
    list_add(config, "history", history);
    return config;
}

static Json *manifest_of(const CacheEntry *e, const Descriptor *config, Str data)
{
    Json *m = json_new_map(), *c = descriptor_to_json(config);
    Descriptor layer = {.media_type = e->layer.media_type,
                        .digest = e->layer.digest,
                        .size = e->layer.size};

    json_set_text(c, "data", data);
    json_set(m, "schemaVersion", json_new_int(2));
    json_set_text(m, "mediaType", S(MEDIA_OCI_MANIFEST));
    json_set(m, "config", c);
    list_add(m, "layers", descriptor_to_json(&layer));
    return m;
}

int cache_entry_format(const CacheEntry *e, Buf *config, Buf *manifest, Descriptor *ret_config,
                       Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf data = BUF_INIT(LIMIT_MANIFEST);
    cleanup_with(json_free_at) Json *c = config_of(e, time_format_rfc3339(&a, e->written_ns));
    cleanup_with(json_free_at) Json *m = NULL;

    json_format(c, 0, config);
    TRY(buf_check(config, "the config of a cache entry", err));
    *ret_config = (Descriptor){.media_type = S(MEDIA_OCI_CONFIG),
                               .digest = digest_of(buf_str(config)),
                               .size = config->n};
    base64_encode(BASE64_STANDARD, buf_str(config), &data);
    TRY(buf_check(&data, "the config of a cache entry", err));
    m = manifest_of(e, ret_config, buf_str(&data));
    json_format(m, 0, manifest);
    return buf_check(manifest, "the manifest of a cache entry", err);
}

/* --- reading --- */

static bool embedded_config(Str manifest, Buf *ret)
{
    cleanup_with(json_free_at) Json *doc = NULL;
    Str data, digest;
    Digest is;
    Err err;

    if (json_parse(manifest, "manifest", &doc, &err) < 0 ||
        !json_get_text(json_find(json_find(doc, "config"), "data"), &data) ||
        !json_get_text(json_find(json_find(doc, "config"), "digest"), &digest) ||
        !base64_decode(BASE64_STANDARD, data, ret))
        return false;
    is = digest_of(buf_str(ret));
    return str_eq(digest, str_from(is.text));
}

static Str label(const ImageConfig *c, const char *name)
{
    const KeyValue *kv = key_values_find(&c->labels, str_from(name));

    return kv ? kv->value : S("");
}

static bool number_label(const ImageConfig *c, const char *name, uint64_t *ret)
{
    return num_parse_u64(label(c, name), INT64_MAX, ret);
}

static bool is_layer(Str media_type)
{
    return media_kind(media_type) == MEDIA_KIND_LAYER || str_eq(media_type, S(MEDIA_LISTING));
}

static bool fill(Arena *a, const Manifest *m, const ImageConfig *c, CacheEntry *ret)
{
    uint64_t written, content;

    if (m->n_layers != 1 || c->diff_ids.n != 1 || c->history.n != 1 ||
        !is_layer(m->layers[0].media_type) || !number_label(c, LABEL "written-ns", &written) ||
        !number_label(c, LABEL "content-ns", &content) ||
        !number_label(c, LABEL "files", &ret->files) ||
        !number_label(c, LABEL "deletions", &ret->deletions))
        return false;
    ret->layer = m->layers[0];
    ret->diff_id = c->diff_ids.v[0];
    ret->written_ns = (int64_t)written;
    ret->content_ns = (int64_t)content;
    ret->created_by = str_dup_in(a, c->history.v[0].created_by);
    return true;
}

static void copy_key(Str text, CacheKey *ret)
{
    *ret = (CacheKey){0};
    if (text.n == CACHE_KEY_TEXT)
        memcpy(ret->text, text.p, text.n);
}

/* What the clock of another machine dates into the future is as new as can be. */
static bool is_too_old(const CacheWant *want, const CacheEntry *e)
{
    int64_t age = want->now_ns > e->written_ns ? want->now_ns - e->written_ns : 0;

    return age >= want->ttl_ns;
}

static const char *judge(const ImageConfig *c, const CacheWant *want, const CacheEntry *e)
{
    if (!str_eq(label(c, LABEL "version"), S(CACHE_KEY_VERSION)))
        return "it is of another version";
    if (!cache_key_eq(&e->key, want->key) && !cache_key_eq(&e->content_key, want->key))
        return "it has another key";
    if (!str_eq(c->platform.os, want->platform->os) ||
        !str_eq(c->platform.arch, want->platform->arch) ||
        !str_eq(c->platform.variant, want->platform->variant))
        return "it is for another platform";
    if (is_too_old(want, e))
        return "it has expired";
    return NULL;
}

bool cache_entry_parse(Arena *a, Str manifest, const CacheWant *want, CacheEntry *ret,
                       const char **ret_why)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    cleanup_image_config ImageConfig c = {0};
    CacheEntry e = {.platform = *want->platform};
    Manifest m;
    Err err;

    *ret_why = "it is damaged";
    if (manifest_parse(a, str_dup_in(a, manifest), &m, &err) < 0 ||
        !embedded_config(manifest, &text) || image_config_parse(buf_str(&text), &c, &err) < 0 ||
        !fill(a, &m, &c, &e))
        return false;
    copy_key(label(&c, LABEL "key"), &e.key);
    copy_key(label(&c, LABEL "content-key"), &e.content_key);
    *ret_why = judge(&c, want, &e);
    if (*ret_why)
        return false;
    *ret = e;
    return true;
}
