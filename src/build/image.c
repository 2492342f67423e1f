/* SPDX-License-Identifier: Apache-2.0 */
#include "build/image.h"

#include "base/limits.h"
#include "base/log.h"
#include "build/damage.h"
#include "build/download.h"
#include "build/named.h"
#include "store/layout.h"

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

    split_layout(rest, &i->arena, &dir, &selector);
    if (layout_open(dir.p, &i->layout, err) < 0)
        return err_wrap(err, "oci-layout://" STR_FMT, STR_ARG(rest));
    return layout_resolve(i->layout, selector, &i->platform, &i->desc, json, &i->arena, err);
}

/* Nobody need be asked what an image is that is named by its digest and in the base-image cache. */
static bool find_pinned(Builder *b, BaseImage *i, Buf *json)
{
    Err ignored;

    if (bases_find(b->req->bases, &i->ref.digest, &i->layout) == 0)
        return false;
    if (layout_resolve(i->layout, str_from(i->ref.digest.text), &i->platform, &i->desc, json,
                       &i->arena, &ignored) == 0)
        return true;
    store_free(i->layout);
    i->layout = NULL;
    return false;
}

static int resolve_registry(Builder *b, BaseImage *i, Str text, Buf *json, Err *err)
{
    TRY(reference_parse(&i->arena, text, &i->ref, err));
    i->in_registry = true;
    if (b->req->bases && digest_is_set(&i->ref.digest) && find_pinned(b, i, json))
        return 0;
    TRY(registry_resolve(b->registry, &i->ref, &i->platform, &i->desc, json, &i->arena, err));
    if (b->req->bases && bases_find(b->req->bases, &i->desc.digest, &i->layout) > 0)
        log_debug("%s: from the base-image cache", i->desc.digest.text);
    return 0;
}

static int read_config(Builder *b, BaseImage *i, Err *err)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_CONFIG);
    const Digest *config = &i->manifest.config.digest;

    if (!i->layout)
        TRY(registry_pull_blob(b->registry, &i->ref, &i->manifest.config, b->store, NULL, err));
    TRY(store_read_blob(i->layout ? i->layout : b->store, config, &json, err));
    TRY(image_config_parse(buf_str(&json), &i->config, err));
    if (i->config.diff_ids.n != i->manifest.n_layers)
        return err_set(err, ERR_FORMAT, "the image has %zu layers but its config names %zu",
                       i->manifest.n_layers, i->config.diff_ids.n);
    return 0;
}

/* Where the image is: what --build-context says, or what is written. */
static Str location(const Builder *b, Str text, const Platform *platform)
{
    const KeyValue *named = named_find(b, text, platform);

    return named && named_is_image(named) ? named->value : text;
}

static bool is_layout(const Builder *b, Str text, const Platform *platform)
{
    return str_starts(location(b, text, platform), S("oci-layout://"));
}

static int resolve_manifest(Builder *b, BaseImage *i, Buf *json, Err *err)
{
    Str value = location(b, i->text, &i->platform);

    if (str_starts(value, S("oci-layout://")))
        return resolve_layout(i, str_skip(value, strlen("oci-layout://")), json, err);
    if (str_starts(value, S("docker-image://")))
        value = str_skip(value, strlen("docker-image://"));
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

    *ret = i;
    if (i)
        return 0;
    if (!is_layout(b, text, platform))
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

bool image_leave_cache(Builder *b, const BaseImage *i)
{
    if (!i || !i->in_registry || !image_layout(i))
        return false;
    vec_foreach(own, &b->images)
        if (*own == i)
            atomic_store(&(*own)->cache_is_bad, true);
    if (layout_was_replaced(i->layout)) { /* by kiln warm --force: nothing is wrong with it */
        builder_note(b,
                     "%s in the base-image cache was replaced: the image comes from its registry",
                     store_dir(i->layout));
        return true;
    }
    builder_warn(b,
                 "%s in the base-image cache is damaged: the image comes from its registry "
                 "(kiln warm --force mends the cache)",
                 store_dir(i->layout));
    return true;
}

Store *image_layout(const BaseImage *i)
{
    return atomic_load(&i->cache_is_bad) ? NULL : i->layout;
}

static int import_layer(Builder *b, const BaseImage *from, const Descriptor *d, Err *err)
{
    Store *layout = image_layout(from);

    if (!layout)
        return 0;
    if (store_import(b->store, layout, &d->digest, err) == 0)
        return 1;
    return from->in_registry && err->kind != ERR_CANCELLED ? 0 : -1;
}

static int fetch(Builder *b, const ImageLayer *l, Err *err)
{
    Registry *r;
    int here;

    if (!l->origin || store_has(b->store, &l->desc.digest, NULL))
        return 0;
    TRY(here = import_layer(b, l->origin, &l->desc, err));
    if (here)
        return 0;
    TRY(builder_registry(b, &r, err));
    return registry_pull_blob(r, &l->origin->ref, &l->desc, b->store, NULL, err);
}

int layer_fetch(Builder *b, const ImageLayer *l, Err *err)
{
    int rc = fetch(b, l, err);

    if (rc < 0)
        damage_note(b, l, err);
    return rc;
}

void image_prefetch(Builder *b, const BaseImage *i)
{
    if (image_layout(i))
        return; /* read where they are */
    for (size_t n = 0; n < i->manifest.n_layers; n++) {
        ImageLayer l = {i->manifest.layers[n], i->config.diff_ids.v[n], i, false};

        download_begin(b, &l);
    }
}
