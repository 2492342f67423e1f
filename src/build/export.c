/* SPDX-License-Identifier: Apache-2.0 */
#include "build/export.h"

#include "base/limits.h"
#include "base/log.h"
#include "build/push.h"
#include "os/file.h"
#include "os/signal.h"
#include "store/archive.h"
#include "store/layout.h"

typedef struct Export {
    Builder *b;
    const ImageLayerVec *layers;
    Manifest manifest;
    Descriptor desc; /* of the manifest */
    Buf json;
    BuildResult *result;
} Export;

/* --- the documents --- */

static void add_annotations(Export *x)
{
    const KeyValueVec *from = &x->b->req->annotations;
    Manifest *m = &x->manifest;

    m->annotations = arena_new_n(&x->result->arena, Annotation, from->n + 1);
    m->n_annotations = from->n;
    for (size_t i = 0; i < from->n; i++)
        m->annotations[i] = (Annotation){from->v[i].key, from->v[i].value};
}

static int make_documents(Export *x, const ImageConfig *config, Err *err)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_CONFIG);
    bool docker = x->b->req->codec.docker;
    Manifest *m = &x->manifest;

    image_config_format(config, &json);
    TRY(buf_check(&json, "the image's config", err));
    m->media_type = docker ? S(MEDIA_DOCKER_MANIFEST) : S(MEDIA_OCI_MANIFEST);
    m->config.media_type = docker ? S(MEDIA_DOCKER_CONFIG) : S(MEDIA_OCI_CONFIG);
    m->config.size = json.n;
    TRY(store_put(x->b->store, buf_str(&json), &m->config.digest, err));
    m->n_layers = x->layers->n;
    m->layers = arena_new_n(&x->result->arena, Descriptor, x->layers->n + 1);
    /* bases come with Docker's media types or OCI's; an image has one kind */
    for (size_t i = 0; i < x->layers->n; i++) {
        const Descriptor *d = &x->layers->v[i].desc;

        m->layers[i] = (Descriptor){.media_type = media_convert(d->media_type, docker),
                                    .digest = d->digest,
                                    .size = d->size,
                                    .urls = d->urls, /* of a foreign layer */
                                    .n_urls = d->n_urls};
    }
    add_annotations(x);
    manifest_format(m, &x->json);
    TRY(buf_check(&x->json, "the image's manifest", err));
    x->desc = (Descriptor){.media_type = m->media_type,
                           .size = x->json.n,
                           .has_platform = true,
                           .platform = config->platform};
    return store_put(x->b->store, buf_str(&x->json), &x->desc.digest, err);
}

static void fill_result(Export *x)
{
    BuildResult *r = x->result;

    r->manifest = x->desc;
    r->manifest.has_platform = false;
    r->config = x->manifest.config.digest;
    vec_foreach(l, x->layers) {
        LayerReport report = {.desc = l->desc, .from_base = l->origin && !l->cached};

        report.desc.media_type = str_dup_in(&r->arena, l->desc.media_type);
        report.desc.annotations = NULL;
        report.desc.n_annotations = 0;
        report.desc.urls = NULL;
        report.desc.n_urls = 0;
        r->total_bytes += l->desc.size;
        vec_push(&r->layers, report);
    }
    r->manifest.media_type = str_dup_in(&r->arena, x->desc.media_type);
}

/* --- local outputs --- */

static int fetch_layers(Export *x, Err *err)
{
    vec_foreach(l, x->layers) {
        TRY(signal_check(err));
        if (layer_fetch(x->b, l, err) < 0)
            return err_wrap(err, "base layer %s", l->desc.digest.text);
    }
    return 0;
}

static Str full_name(Export *x, const Reference *r)
{
    return reference_format(&x->result->arena, r);
}

/* In the index of a layout, under each of its names. */
static int list_image(Export *x, Store *in, bool fresh, Err *err)
{
    const BuildRequest *req = x->b->req;
    Str first = req->tags.n ? full_name(x, &req->tags.v[0]) : S("");

    TRY(fresh ? layout_reset(in, &x->desc, first, err) : layout_set(in, &x->desc, first, err));
    for (size_t i = 1; i < req->tags.n; i++)
        TRY(layout_set(in, &x->desc, full_name(x, &req->tags.v[i]), err));
    return 0;
}

static int write_layout(Export *x, const Output *o, Err *err)
{
    cleanup_with(store_free_at) Store *to = NULL;
    const char *dir = str_dup_in(&x->b->arena, o->dest).p;

    TRY(store_open(dir, &to, err));
    vec_foreach(l, x->layers) {
        TRY(signal_check(err));
        TRY(store_import(to, x->b->store, &l->desc.digest, err));
    }
    TRY(store_import(to, x->b->store, &x->manifest.config.digest, err));
    TRY(store_import(to, x->b->store, &x->desc.digest, err));
    return list_image(x, to, o->fresh, err);
}

static int write_archive(Export *x, const Output *o, Err *err)
{
    const BuildRequest *req = x->b->req;
    const char *dest = str_dup_in(&x->b->arena, o->dest).p;
    Str *tags = arena_new_n(&x->b->arena, Str, req->tags.n + 1);

    for (size_t i = 0; i < req->tags.n; i++)
        tags[i] = full_name(x, &req->tags.v[i]);
    if (o->type == OUTPUT_DOCKER_ARCHIVE)
        return archive_write_docker(x->b->store, &x->manifest, tags, req->tags.n, dest, err);
    return archive_write_oci(x->b->store, &x->desc, req->tags.n ? tags[0] : S(""), dest, err);
}

static int write_outputs(Export *x, Err *err)
{
    vec_foreach(o, &x->b->req->outputs) {
        int rc = o->type == OUTPUT_OCI_LAYOUT ? write_layout(x, o, err) : write_archive(x, o, err);

        if (rc < 0)
            return err_wrap(err, "output " STR_FMT, STR_ARG(o->dest));
    }
    return 0;
}

/* --- pushing --- */

static int push_tag(Export *x, const Reference *t, Err *err)
{
    Builder *b = x->b;
    Str name = reference_familiar(&b->arena, t);

    if (registry_push_manifest(b->registry, t, x->desc.media_type, buf_str(&x->json),
                               &x->desc.digest, err) == 0) {
        builder_note(b, "pushed " STR_FMT "@%s", STR_ARG(name), x->desc.digest.text);
        return 0;
    }
    if (b->req->ignore_immutable && err->kind == ERR_IMMUTABLE) {
        builder_warn(b, STR_FMT " stays as it is: the tag is immutable", STR_ARG(name));
        return 0;
    }
    return err_wrap(err, "push " STR_FMT, STR_ARG(name));
}

/*
 * A build that found everything in a cache makes an image that was there before: where a repository
 * has the manifest it has the blobs, and none of them is asked for.
 */
static int is_known(Export *x, Err *err)
{
    const BuildRequest *req = x->b->req;
    Registry *r;
    int known = 1;

    if (!x->b->cache || x->b->pushes.n)
        return 0;
    TRY(builder_registry(x->b, &r, err));
    for (size_t i = 0; i < req->tags.n && known == 1; i++)
        known = registry_has_manifest(r, &req->tags.v[i], &x->desc.digest, err);
    return known;
}

static int push_blobs(Export *x, Err *err)
{
    TRY(export_check_push(x->b, err));
    return push_finish(x->b, x->layers, &x->manifest.config, x->result, err);
}

static int name_image(Export *x, Err *err)
{
    vec_foreach(t, &x->b->req->tags)
        TRY(push_tag(x, t, err));
    return 0;
}

/* A registry may have lost a blob of a manifest that it still has. */
static int push_tags(Export *x, Err *err)
{
    int known;

    TRY(known = is_known(x, err));
    if (known) {
        x->result->existing_blobs = x->layers->n + 1;
        if (name_image(x, err) == 0)
            return 0;
        if (err->kind == ERR_CANCELLED)
            return -1;
        log_debug("%s; once more, with all blobs", err->msg);
        x->result->existing_blobs = 0;
    }
    TRY(push_blobs(x, err));
    return name_image(x, err);
}

/* --- both --- */

static int check_output(const Output *o, Err *err)
{
    bool layout = o->type == OUTPUT_OCI_LAYOUT;
    cleanup_free char *dest = str_dup(o->dest);

    if (!layout && strcmp(dest, "-") == 0)
        return 0;
    if (file_check_target(dest, layout, layout, err) < 0)
        return err_wrap(err, "output %s", dest);
    return 0;
}

bool export_is_local(const BuildRequest *req)
{
    return req->outputs.n > 0 || !(req->push || req->forget);
}

int export_check_outputs(Builder *b, Err *err)
{
    vec_foreach(o, &b->req->outputs)
        TRY(check_output(o, err));
    return 0;
}

int export_check_push(Builder *b, Err *err)
{
    Registry *r;

    if (!b->req->push || !b->req->check_push || b->push_checked)
        return 0;
    b->push_checked = true;
    TRY(builder_registry(b, &r, err));
    vec_foreach(t, &b->req->tags)
        if (registry_check_push(r, t, err) < 0)
            return err_wrap(err,
                            "checking push permission for " STR_FMT
                            " (skip with --skip-push-permission-check)",
                            STR_ARG(reference_familiar(&b->arena, t)));
    return 0;
}

static int deliver(Export *x, const ImageConfig *config, Err *err)
{
    const BuildRequest *req = x->b->req;

    TRY(make_documents(x, config, err));
    if (export_is_local(req))
        TRY(fetch_layers(x, err));
    TRY(write_outputs(x, err));
    if (req->push)
        TRY(push_tags(x, err));
    else if (req->outputs.n == 0 && !req->forget)
        TRY(list_image(x, x->b->store, false, err));
    fill_result(x);
    return 0;
}

int export_image(Builder *b, const ImageConfig *config, const ImageLayerVec *layers,
                 BuildResult *ret, Err *err)
{
    Export x = {.b = b, .layers = layers, .json = BUF_INIT(LIMIT_MANIFEST), .result = ret};
    int rc = deliver(&x, config, err);

    buf_done(&x.json);
    return rc;
}
