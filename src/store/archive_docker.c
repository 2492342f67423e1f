/* SPDX-License-Identifier: Apache-2.0 */
/*
 *      sha256:<hex>        the configuration
 *      <hex>.tar.gz        each layer as it is in the store, once per digest (.tar, .tar.zst)
 *      manifest.json       [{"Config", "RepoTags", "Layers"}]: what refers to the others
 *
 * The names are those of kaniko's --tar-path, which pipelines may have come to rely on; `docker
 * load`, `podman load` and skopeo go by manifest.json.
 */
#include "base/limits.h"
#include "base/map.h"
#include "store/archive.h"
#include "store/archive_out.h"

#define NO_TAG \
    "docker.io/unset-repo/unset-image-name:latest" /* kaniko's, when there is no destination */

static Str layer_name(Arena *a, const Descriptor *d)
{
    Str hex = digest_hex(&d->digest);
    const char *suffix = ".tar.gz";

    if (str_ends(d->media_type, S("zstd")))
        suffix = ".tar.zst";
    else if (str_ends(d->media_type, S("tar")))
        suffix = ".tar";
    return str_fmt_in(a, STR_FMT "%s", STR_ARG(hex), suffix);
}

static int write_layers(ArchiveOut *o, Store *s, const Manifest *m, Arena *a, Json *names, Err *err)
{
    cleanup_map Map seen = {0};

    for (size_t i = 0; i < m->n_layers; i++) {
        const Descriptor *d = &m->layers[i];
        Str name = layer_name(a, d);

        json_append(names, json_new_text(name));
        if (map_find_entry(&seen, digest_hex(&d->digest)))
            continue;
        (void)map_set(&seen, digest_hex(&d->digest), NULL);
        TRY(archive_out_blob(o, name, s, &d->digest, err));
    }
    return 0;
}

static Json *tag_list(const Str *tags, size_t n_tags)
{
    Json *list = json_new_list();

    for (size_t i = 0; i < n_tags; i++)
        json_append(list, json_new_text(tags[i]));
    if (n_tags == 0)
        json_append(list, json_new_text(S(NO_TAG)));
    return list;
}

static int write_all(ArchiveOut *o, Store *s, const Manifest *m, const Str *tags, size_t n_tags,
                     Err *err)
{
    cleanup_with(json_free_at) Json *doc = json_new_list();
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    cleanup_arena Arena a = ARENA_INIT;
    Json *image = json_new_map(), *layers = json_new_list();
    Str config = str_from(m->config.digest.text);

    json_append(doc, image);
    json_set_text(image, "Config", config);
    json_set(image, "RepoTags", tag_list(tags, n_tags));
    json_set(image, "Layers", layers);
    TRY(archive_out_blob(o, config, s, &m->config.digest, err));
    TRY(write_layers(o, s, m, &a, layers, err));
    json_format(doc, 0, &text);
    TRY(buf_check(&text, "manifest.json", err));
    TRY(archive_out_file(o, S("manifest.json"), buf_str(&text), err));
    return archive_out_commit(o, err);
}

int archive_write_docker(Store *s, const Manifest *m, const Str *tags, size_t n_tags,
                         const char *dest, Err *err)
{
    cleanup_archive_out ArchiveOut o = {.fd = -1};

    TRY(archive_out_open(dest, &o, err));
    if (write_all(&o, s, m, tags, n_tags, err) < 0)
        return err_wrap(err, "archive %s", dest);
    return 0;
}
