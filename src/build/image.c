/* SPDX-License-Identifier: Apache-2.0 */
#include "build/image.h"

#include "base/limits.h"
#include "build/download.h"
#include "store/layout.h"

const KeyValue *find_build_context(const Builder *b, Str name)
{
    cleanup_arena Arena a = ARENA_INIT;
    Reference ref;
    Err ignored;
    const KeyValue *kv = key_values_find(&b->req->build_contexts, name);

    if (kv || reference_parse(&a, name, &ref, &ignored) < 0)
        return kv;
    /* "alpine" given on the command line also stands for FROM alpine:latest. */
    if (str_eq(ref.tag, S("latest")) && str_ends(name, S(":latest")))
        return key_values_find(&b->req->build_contexts, str_head(name, name.n - strlen(":latest")));
    return NULL;
}

/* "oci-layout://DIR[:TAG][@DIGEST]"; a DIR that exists as it stands is not cut. */
static void split_layout(Str rest, Arena *a, Str *ret_dir, Str *ret_selector)
{
    Str dir = rest, head, tail;

    *ret_selector = S("");
    if (str_cut_last(rest, '@', &head, &tail) && str_starts(tail, S("sha256:"))) {
        dir = head;
        *ret_selector = tail;
    }
    if (str_cut_last(dir, ':', &head, &tail) && !str_contains(tail, S("/")) &&
        access(str_dup_in(a, dir).p, F_OK) < 0) {
        dir = head;
        if (ret_selector->n == 0)
            *ret_selector = tail;
    }
    *ret_dir = str_dup_in(a, dir);
}

static int resolve_layout(BaseImage *i, Str rest, Buf *json, Err *err)
{
    Str dir, selector;

    i->in_layout = true;
    split_layout(rest, &i->arena, &dir, &selector);
    if (layout_open(dir.p, &i->layout, err) < 0)
        return err_wrap(err, "oci-layout://" STR_FMT, STR_ARG(rest));
    return layout_resolve(i->layout, selector, &i->platform, &i->desc, json, &i->arena, err);
}

static int resolve_registry(Builder *b, BaseImage *i, Str text, Buf *json, Err *err)
{
    TRY(reference_parse(&i->arena, text, &i->ref, err));
    return registry_resolve(b->registry, &i->ref, &i->platform, &i->desc, json, &i->arena, err);
}

static int read_config(Builder *b, BaseImage *i, Err *err)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_CONFIG);
    const Digest *config = &i->manifest.config.digest;

    if (!i->in_layout)
        TRY(registry_pull_blob(b->registry, &i->ref, &i->manifest.config, b->store, NULL, err));
    TRY(store_read_blob(i->in_layout ? i->layout : b->store, config, &json, err));
    TRY(image_config_parse(buf_str(&json), &i->config, err));
    if (i->config.diff_ids.n != i->manifest.n_layers)
        return err_set(err, ERR_FORMAT, "the image has %zu layers but its config names %zu",
                       i->manifest.n_layers, i->config.diff_ids.n);
    return 0;
}

static int check_platform(BaseImage *i, Err *err)
{
    const Platform *have = &i->config.platform;

    if (!have->os.n || !have->arch.n || platform_match(&i->platform, have) > 0)
        return 0;
    return err_set(err, ERR_NOT_FOUND,
                   "the image is for " STR_FMT ", not for " STR_FMT " (choose with --platform)",
                   STR_ARG(platform_format(&i->arena, have)),
                   STR_ARG(platform_format(&i->arena, &i->platform)));
}

static bool is_layout(const Builder *b, Str text, Str *ret_value)
{
    const KeyValue *context = find_build_context(b, text);

    *ret_value = context ? context->value : text;
    return str_starts(*ret_value, S("oci-layout://"));
}

static int resolve_manifest(Builder *b, BaseImage *i, Buf *json, Err *err)
{
    const KeyValue *context = find_build_context(b, i->text);
    Str value;

    if (is_layout(b, i->text, &value))
        return resolve_layout(i, str_skip(value, strlen("oci-layout://")), json, err);
    if (str_starts(value, S("docker-image://")))
        return resolve_registry(b, i, str_skip(value, strlen("docker-image://")), json, err);
    if (context)
        return err_set(err, ERR_UNSUPPORTED,
                       "the build context " STR_FMT "=" STR_FMT
                       " as an image is not supported yet (use oci-layout:// or docker-image://)",
                       STR_ARG(context->key), STR_ARG(value));
    return resolve_registry(b, i, value, json, err);
}

typedef struct Resolving {
    Builder *b;
    BaseImage *image;
} Resolving;

/* On a thread of the net pool: touches the image, the store and the registry only. */
static int resolve(void *arg, Err *err)
{
    const Resolving *r = arg;
    BaseImage *i = r->image;
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    int rc = resolve_manifest(r->b, i, &json, err);

    if (rc == 0)
        rc = manifest_parse(&i->arena, str_dup_in(&i->arena, buf_str(&json)), &i->manifest, err);
    if (rc == 0)
        rc = read_config(r->b, i, err);
    if (rc == 0)
        rc = check_platform(i, err);
    return rc < 0 ? err_wrap(err, "image " STR_FMT, STR_ARG(i->text)) : 0;
}

static BaseImage *find_image(const Builder *b, Str text, const Platform *platform)
{
    vec_foreach(i, &b->images)
        if (str_eq((*i)->text, text) && platform_eq(&(*i)->platform, platform))
            return *i;
    return NULL;
}

int image_begin(Builder *b, Str text, const Platform *platform, BaseImage **ret, Err *err)
{
    BaseImage *i = find_image(b, text, platform);
    Registry *ignored;
    Resolving *r;
    Str value;

    *ret = i;
    if (i)
        return 0;
    if (!is_layout(b, text, &value))
        TRY(builder_registry(b, &ignored, err)); /* here, because the tasks share it */
    builder_note(b, "resolve " STR_FMT, STR_ARG(text));
    i = NEW(BaseImage);
    i->text = text;
    i->platform = *platform;
    vec_push(&b->images, i);
    r = arena_new(&b->arena, Resolving);
    *r = (Resolving){b, i};
    i->resolving = pool_submit(b->net, resolve, r);
    *ret = i;
    return 0;
}

int image_resolve(Builder *b, Str text, const Platform *platform, BaseImage **ret, Err *err)
{
    BaseImage *i = NULL;

    TRY(image_begin(b, text, platform, &i, err));
    if (i->resolving)
        TRY(task_join(steal_ptr(&i->resolving), err));
    *ret = i;
    return 0;
}

void image_free(BaseImage *i)
{
    Err ignored;

    if (!i)
        return;
    if (i->resolving)
        (void)!task_join(i->resolving, &ignored);
    image_config_done(&i->config);
    store_free(i->layout);
    arena_done(&i->arena);
    free(i);
}

/* --- layers --- */

int layer_fetch(Builder *b, const ImageLayer *l, Err *err)
{
    Registry *r;

    if (!l->origin || store_has(b->store, &l->desc.digest, NULL))
        return 0;
    if (l->origin->in_layout)
        return store_import(b->store, l->origin->layout, &l->desc.digest, err);
    TRY(builder_registry(b, &r, err));
    return registry_pull_blob(r, &l->origin->ref, &l->desc, b->store, NULL, err);
}

void image_prefetch(Builder *b, const BaseImage *i)
{
    if (i->in_layout)
        return; /* read where they are */
    for (size_t n = 0; n < i->manifest.n_layers; n++) {
        ImageLayer l = {i->manifest.layers[n], i->config.diff_ids.v[n], i};

        download_begin(b, &l);
    }
}
