/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/image.h - images that already exist: bases of stages and sources of COPY --from, wherever
 * they are kept.
 */
#pragma once

#include <stdatomic.h>

#include "build/builder.h"

struct BaseImage {
    Arena arena;       /* owns what the documents say */
    Task *resolving;   /* NULL: done */
    Str text;          /* as written in the Dockerfile */
    Platform platform; /* asked for */
    bool in_registry;
    Reference ref; /* of the registry image */
    Store *layout; /* owned; the layout, or what the base-image cache has of it; NULL: none */
    atomic_bool cache_is_bad;
    Descriptor desc;
    Manifest manifest;
    ImageConfig config;
};

/* One layer of an image being built. */
typedef struct ImageLayer {
    Descriptor desc;
    Digest diff_id;
    const BaseImage *origin; /* NULL: in the build's store, perhaps because it was made here */
    bool cached;             /* found in a cache: origin is the repository */
} ImageLayer;
typedef VEC(ImageLayer) ImageLayerVec;

/*
 * Begin to resolve it in the background; image_resolve() waits for the answer. *ret holds nothing
 * before that.
 */
int image_begin(Builder *b, Str text, const Platform *platform, BaseImage **ret, Err *err)
    must_check;

/*
 * Resolve "debian:12", or a name given by --build-context; twice the same is resolved once. The
 * image lives as long as the builder.
 */
int image_resolve(Builder *b, Str text, const Platform *platform, BaseImage **ret, Err *err)
    must_check;
void image_free(BaseImage *i);

/* Begin to download its layers in the background, those that are not here yet. */
void image_prefetch(Builder *b, const BaseImage *i);

/* Where its blobs are to be read from, if they are on disk. Borrowed, or NULL. From any thread. */
Store *image_layout(const BaseImage *i);

/*
 * A blob that the base-image cache has was wrong: from now on the image comes from its registry.
 * false when there is no other place, or it was so already. On the building thread.
 */
bool image_leave_cache(Builder *b, const BaseImage *i);

/* Make sure that the layer is in the builder's store. */
int layer_fetch(Builder *b, const ImageLayer *l, Err *err) must_check;

/*
 * The layer's archive, uncompressed, as a stream that a thread of the cpu pool fills. Blob digest
 * and diff id are checked at its end, by layer_stream_finish(): until that has returned 0 nothing
 * made from the stream may be trusted.
 */
typedef struct LayerStream LayerStream;
int layer_stream_open(Builder *b, const ImageLayer *l, LayerStream **ret, Err *err) must_check;
Reader *layer_stream_reader(LayerStream *s);
int layer_stream_finish(LayerStream *s, Err *err) must_check;
void layer_stream_free(LayerStream *s);
CLEANUP_DEFINE(LayerStream, layer_stream_free);
