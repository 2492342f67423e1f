/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kiln index create -t REF SOURCE...: one name for the images that several builds have pushed, each
 * on a machine of its own kind.
 */
#include <stdio.h>

#include "base/limits.h"
#include "base/log.h"
#include "cache/dir.h"
#include "cli/command.h"
#include "cli/digest_files.h"
#include "cli/registry_opts.h"
#include "cli/request.h"
#include "cli/values.h"
#include "oci/config.h"
#include "os/temp.h"
#include "store/layout.h"

static const char usage[] =
    "Usage: kiln index create -t REF [-t REF]... SOURCE... [OPTIONS]\n"
    "\n"
    "Make a multi-platform index of images that registries have, and push it. What is in another\n"
    "repository is mounted or copied. A SOURCE that is an index stands for its images.\n"
    "\n"
    "  kiln index create -t registry.example/app:1 registry.example/app:1-amd64 \\\n"
    "      registry.example/app:1-arm64\n"
    "\n";

typedef struct Source {
    Reference ref;
    Descriptor root; /* what the name stands for */
} Source;

/* An entry of the index, and where it comes from. */
typedef struct Entry {
    Descriptor desc;
    const Reference *from;
} Entry;

typedef struct Make {
    const Settings *s;
    Arena arena;
    RegistryOpts opts;
    Registry *registry;
    Store *store;
    int dir_lock; /* of the kiln directory that it is in */
    VEC(Reference) tags;
    VEC(Source *) sources;
    VEC(Entry) entries;
    KeyValueVec annotations;
    Descriptor index;
} Make;

static void make_done(Make *m)
{
    vec_done(&m->tags);
    vec_done(&m->sources);
    vec_done(&m->entries);
    vec_done(&m->annotations);
    registry_free(m->registry);
    registry_opts_done(&m->opts);
    store_free(m->store);
    close_at(&m->dir_lock);
    arena_done(&m->arena);
}

/* A manifest's platform is in its config. */
static int find_platform(Make *m, const Reference *from, Str json, Descriptor *d, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_CONFIG);
    cleanup_image_config ImageConfig config = {0};
    Manifest manifest;

    TRY(manifest_parse(&m->arena, json, &manifest, err));
    TRY(registry_pull_blob(m->registry, from, &manifest.config, m->store, NULL, err));
    TRY(store_read_blob(m->store, &manifest.config.digest, &text, err));
    TRY(image_config_parse(buf_str(&text), &config, err));
    if (config.platform.os.n == 0 || config.platform.arch.n == 0)
        return err_set(err, ERR_FORMAT, "its config names no platform");
    d->has_platform = true;
    d->platform = (Platform){.os = str_dup_in(&m->arena, config.platform.os),
                             .arch = str_dup_in(&m->arena, config.platform.arch),
                             .variant = str_dup_in(&m->arena, config.platform.variant),
                             .os_version = str_dup_in(&m->arena, config.platform.os_version)};
    return 0;
}

/* Twice the same is once; two images for one platform would leave the choice to chance. */
static int add_entry(Make *m, const Descriptor *d, const Reference *from, Err *err)
{
    Entry e = {*d, from};

    vec_foreach(o, &m->entries) {
        if (digest_eq(&o->desc.digest, &d->digest))
            return 0;
        if (d->has_platform && o->desc.has_platform && descriptor_is_image(d) &&
            platform_eq(&o->desc.platform, &d->platform))
            return err_set(err, ERR_USAGE, "there is another image for " STR_FMT " already",
                           STR_ARG(platform_format(&m->arena, &d->platform)));
    }
    vec_push(&m->entries, e);
    return 0;
}

static int read_source(Make *m, Source *s, Err *err)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    Str text;
    MediaKind kind;
    Index x;

    TRY(registry_fetch(m->registry, &s->ref, &s->root, &json, &m->arena, err));
    text = str_dup_in(&m->arena, buf_str(&json));
    TRY(store_put(m->store, text, &s->root.digest, err));
    TRY(manifest_kind(text, s->root.media_type, &kind, err));
    if (kind == MEDIA_KIND_MANIFEST) {
        TRY(find_platform(m, &s->ref, text, &s->root, err));
        return add_entry(m, &s->root, &s->ref, err);
    }
    TRY(index_parse(&m->arena, text, &x, err));
    for (size_t i = 0; i < x.n_manifests; i++)
        TRY(add_entry(m, &x.manifests[i], &s->ref, err));
    return 0;
}

static int read_sources(Make *m, Err *err)
{
    for (size_t i = 1; i < m->s->positional.n; i++) {
        Source *s = arena_new(&m->arena, Source);
        Str name = m->s->positional.v[i];

        TRY(reference_parse(&m->arena, name, &s->ref, err));
        vec_push(&m->sources, s);
        if (read_source(m, s, err) < 0)
            return err_wrap(err, STR_FMT, STR_ARG(name));
    }
    return 0;
}

static int make_index(Make *m, Err *err)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    Index x = {.media_type = S(MEDIA_OCI_INDEX), .n_manifests = m->entries.n};

    x.manifests = arena_new_n(&m->arena, Descriptor, m->entries.n + 1);
    for (size_t i = 0; i < m->entries.n; i++)
        x.manifests[i] = m->entries.v[i].desc;
    x.annotations = arena_new_n(&m->arena, Annotation, m->annotations.n + 1);
    vec_foreach(kv, &m->annotations)
        x.annotations[x.n_annotations++] = (Annotation){kv->key, kv->value};
    index_format(&x, &json);
    TRY(buf_check(&json, "the index", err));
    m->index = (Descriptor){.media_type = x.media_type, .size = json.n};
    return store_put(m->store, buf_str(&json), &m->index.digest, err);
}

static int push_to(Make *m, const Reference *to, Err *err)
{
    vec_foreach(e, &m->entries) {
        Reference as = *to;

        as.tag = S("");
        as.digest = e->desc.digest;
        TRY(registry_push_tree(m->registry, &as, &e->desc, m->store, e->from, err));
    }
    return registry_push_tree(m->registry, to, &m->index, m->store, &m->sources.v[0]->ref, err);
}

static int push_all(Make *m, Err *err)
{
    vec_foreach(t, &m->tags) {
        Str name = reference_familiar(&m->arena, t);

        if (push_to(m, t, err) < 0) {
            if (!m->s->ignore_immutable || err->kind != ERR_IMMUTABLE)
                return err_wrap(err, "push " STR_FMT, STR_ARG(name));
            log_line(LOG_WARN, STR_FMT " stays as it is: the tag is immutable", STR_ARG(name));
            continue;
        }
        log_line(LOG_INFO, "pushed " STR_FMT "@%s", STR_ARG(name), m->index.digest.text);
    }
    return 0;
}

static int write_layout(Make *m, const char *dir, Err *err)
{
    cleanup_with(store_free_at) Store *to = NULL;
    Str name = m->tags.n ? reference_format(&m->arena, &m->tags.v[0]) : S("");

    TRY(store_open(dir, &to, err));
    vec_foreach(e, &m->entries)
        TRY(registry_pull_tree(m->registry, e->from, &e->desc, to, err));
    TRY(store_import(to, m->store, &m->index.digest, err));
    return layout_set(to, &m->index, name, err);
}

static int make(Make *m, Err *err)
{
    const Settings *s = m->s;
    const char *dir = s->kiln_dir ? s->kiln_dir : default_kiln_dir(&m->arena);
    DigestFiles files = {.digest = s->digest_file,
                         .name_digest = s->name_digest_file,
                         .name_tag_digest = s->name_tag_digest_file,
                         .metadata = s->metadata_file};

    if (s->positional.n < 2 || !str_eq(s->positional.v[0], S("create")))
        return err_set(err, ERR_USAGE, "want: kiln index create -t REF SOURCE...");
    if (s->tags.n == 0 && !s->oci_layout_path)
        return err_set(err, ERR_USAGE, "say where to: -t REF or --oci-layout-path DIR");
    vec_foreach(t, &s->tags) {
        Reference ref;

        TRY(reference_parse(&m->arena, *t, &ref, err));
        vec_push(&m->tags, ref);
    }
    TRY(parse_pairs(&m->arena, &s->annotations, "--annotation", LONE_WRONG, &m->annotations, err));
    TRY(digest_files_check(&files, err));
    TRY(registry_opts_fill(s, &m->arena, &m->opts, err));
    TRY(registry_new(&m->opts, &m->registry, err));
    TRY(cache_dir_open(dir, &m->store, &m->dir_lock, err));
    TRY(read_sources(m, err));
    TRY(make_index(m, err));
    if (s->oci_layout_path && write_layout(m, s->oci_layout_path, err) < 0)
        return err_wrap(err, "output %s", s->oci_layout_path);
    TRY(push_all(m, err));
    if (s->quiet)
        (void)printf("%s\n", m->index.digest.text);
    return digest_files_write(
        &files,
        &(Delivered){.tags = m->tags.v, .n_tags = m->tags.n, .manifest = &m->index, .pushed = true},
        err);
}

static int run(const Settings *s, Err *err)
{
    cleanup_with(make_done) Make m = {.s = s, .dir_lock = -1};

    return make(&m, err);
}

int index_main(int argc, char **argv)
{
    static const CommandLine line = {FRONT_INDEX, usage, run};

    return command_main(&line, argc, argv);
}
