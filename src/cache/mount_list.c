/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/mount_list.h"

#include "base/limits.h"
#include "base/num.h"
#include "cache/mounts.h"
#include "codec/utf8.h"
#include "oci/manifest.h"

#define MEDIA_MOUNT  "application/vnd.kiln.cache-mount.v1"
#define MEDIA_CHUNK  "application/vnd.kiln.cache-mount.chunk.v1+zstd"
#define MEDIA_EMPTY  "application/vnd.oci.empty.v1+json"
#define EMPTY        "{}"
#define NOTE         "dev.kiln.cache-mount."
#define NOTE_VERSION NOTE "version"
#define NOTE_SCALE   NOTE "scale"
#define NOTE_ID      NOTE "id"
#define NOTE_CHUNK   NOTE "chunk" /* of a layer: the digest of its uncompressed bytes */

CacheKey mount_cache_key(Str mount, const Platform *platform)
{
    cleanup_arena Arena a = ARENA_INIT;
    KeyMaker k = key_begin("cache-mount", &a, NULL);

    key_add(&k, "version", S(MOUNT_FORMAT_VERSION));
    key_add(&k, "mount", mount);
    key_add(&k, "os", platform->os);
    key_add(&k, "arch", platform->arch);
    key_add(&k, "variant", platform->variant);
    return key_end(&k);
}

void mount_list_done(MountList *l)
{
    vec_done(&l->chunks);
}

/* --- in --- */

static Str annotation(const Manifest *m, const char *key)
{
    for (size_t i = 0; i < m->n_annotations; i++)
        if (str_eq(m->annotations[i].key, str_from(key)))
            return m->annotations[i].value;
    return S("");
}

static bool is_ours(const Manifest *m, unsigned *ret_scale)
{
    uint64_t scale;

    if (!str_eq(m->artifact_type, S(MEDIA_MOUNT)) || m->n_layers == 0 ||
        !str_eq(annotation(m, NOTE_VERSION), S(MOUNT_FORMAT_VERSION)) ||
        !num_parse_u64(annotation(m, NOTE_SCALE), CHUNK_SCALE_MAX, &scale))
        return false;
    *ret_scale = (unsigned)scale;
    return true;
}

static int read_chunk(const Descriptor *d, unsigned scale, MountChunk *ret, Err *err)
{
    if (!str_eq(d->media_type, S(MEDIA_CHUNK)) || d->size > MOUNT_CHUNK_PACKED_MAX(scale))
        return err_set(err, ERR_FORMAT, "its list of chunks is damaged");
    ret->desc = *d;
    return digest_parse(descriptor_annotation(d, NOTE_CHUNK), &ret->raw, err);
}

int mount_list_find(CacheRepo *repo, const CacheKey *key, Arena *a, MountList *ret, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    Manifest m;
    int found = cache_repo_find(repo, key, &text, err);

    TRY(found);
    if (found == 0)
        return 0;
    TRY(manifest_parse(a, str_dup_in(a, buf_str(&text)), &m, err));
    if (!is_ours(&m, &ret->scale))
        return 0;
    ret->digest = digest_of(buf_str(&text));
    for (size_t i = 0; i < m.n_layers; i++) {
        MountChunk c;

        TRY(read_chunk(&m.layers[i], ret->scale, &c, err));
        vec_push(&ret->chunks, c);
    }
    return 1;
}

bool mount_list_is(CacheRepo *repo, const CacheKey *key, const Digest *digest)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    Digest there;
    Err ignored;

    if (cache_repo_find(repo, key, &text, &ignored) <= 0)
        return false;
    there = digest_of(buf_str(&text));
    return digest_eq(&there, digest);
}

/* --- out --- */

static void format(const MountList *l, Str id, const Descriptor *config, Buf *out)
{
    char scale[] = {(char)('0' + l->scale), '\0'};
    Annotation notes[] = {{S(NOTE_VERSION), S(MOUNT_FORMAT_VERSION)},
                          {S(NOTE_SCALE), str_from(scale)},
                          {S(NOTE_ID), id}};
    cleanup_free Descriptor *layers = NEW_N(Descriptor, l->chunks.n + 1);
    cleanup_free Annotation *raws = NEW_N(Annotation, l->chunks.n + 1);
    Manifest doc = {.media_type = S(MEDIA_OCI_MANIFEST),
                    .artifact_type = S(MEDIA_MOUNT),
                    .config = *config,
                    .layers = layers,
                    .n_layers = l->chunks.n,
                    .annotations = notes,
                    .n_annotations = utf8_valid(id) ? 3 : 2};

    for (size_t i = 0; i < l->chunks.n; i++) {
        const MountChunk *c = &l->chunks.v[i];

        raws[i] = (Annotation){S(NOTE_CHUNK), str_from(c->raw.text)};
        layers[i] = (Descriptor){.media_type = S(MEDIA_CHUNK),
                                 .digest = c->desc.digest,
                                 .size = c->desc.size,
                                 .annotations = &raws[i],
                                 .n_annotations = 1};
    }
    manifest_format(&doc, out);
}

int mount_list_put(CacheRepo *repo, const CacheKey *key, Str id, const MountList *l, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    Descriptor config = {.media_type = S(MEDIA_EMPTY),
                         .digest = digest_of(S(EMPTY)),
                         .size = sizeof(EMPTY) - 1};
    CacheWrite w = {.keys = key, .n_keys = 1, .config = &config, .config_json = S(EMPTY)};

    format(l, id, &config, &text);
    TRY(buf_check(&text, "its manifest", err));
    w.manifest = buf_str(&text);
    return cache_repo_put(repo, &w, err);
}
