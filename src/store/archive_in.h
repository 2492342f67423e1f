/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/archive_in.h - an image out of a tar file: docker save's (old and new), kaniko's
 * --tar-path, an OCI layout as a tar.
 *
 * Hostile input  names in the archive are keys of a table, never paths; sizes and counts are
 *                bounded (base/limits.h). Nothing is believed about a blob's digest: files are
 *                hashed.
 */
#pragma once

#include "store/store.h"

/* Layers as docker saves them are not compressed: put 'raw' into the store as it should travel. */
typedef struct LayerPacker LayerPacker;
struct LayerPacker {
    int (*pack)(LayerPacker *self, Store *s, const Digest *raw, Descriptor *ret, Err *err);
};

/*
 * The archive's files go into the store. *ret describes the image, or the index, in it; exactly one
 * is wanted: ERR_USAGE otherwise. Strings live in the arena.
 *      packer   for layers that no manifest names yet; NULL: they stay as they are
 */
int archive_read(Store *s, const char *path, LayerPacker *packer, Descriptor *ret, Arena *a,
                 Err *err) must_check;

/* The only image (or index) that an opened layout lists. */
int layout_only_image(Store *s, Descriptor *ret, Arena *a, Err *err) must_check;
