/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci/manifest.h - descriptors, image manifests and indexes: JSON <-> values.
 *
 * Reads OCI and Docker schema 2 alike (schema 1 is refused by name); writes the flavour asked for, byte-identical for
 * equal input.
 *
 * Ownership  everything parsed lives in the arena given; formatted text is appended to the caller's Buf.
 * Errors     ERR_FORMAT with what is wrong, ERR_LIMIT, ERR_UNSUPPORTED (schema 1, other digests).
 */
#pragma once

#include "base/vec.h"
#include "codec/json.h"
#include "oci/digest.h"
#include "oci/media.h"
#include "oci/platform.h"

typedef struct Annotation {
    Str key, value;
} Annotation;

typedef struct Descriptor {
    Str media_type;
    Digest digest;
    uint64_t size; /* bytes */
    bool has_platform;
    Platform platform;
    Annotation *annotations; /* n_annotations of them, in order */
    size_t n_annotations;
} Descriptor;

typedef struct Manifest {
    Str media_type;
    Descriptor config;
    Descriptor *layers; /* bottom first */
    size_t n_layers;
    Annotation *annotations;
    size_t n_annotations;
} Manifest;

typedef struct Index {
    Str media_type;
    Descriptor *manifests;
    size_t n_manifests;
    Annotation *annotations;
    size_t n_annotations;
} Index;

/* 'media_type' is what the server or descriptor said ("" = look into the document). Detects what it is:
   *ret_kind is MEDIA_KIND_MANIFEST or MEDIA_KIND_INDEX. */
int manifest_kind(Str json, Str media_type, MediaKind *ret_kind, Err *err) must_check;
int manifest_parse(Arena *a, Str json, Manifest *ret, Err *err) must_check;
int index_parse(Arena *a, Str json, Index *ret, Err *err) must_check;
void manifest_format(const Manifest *m, Buf *out);
void index_format(const Index *x, Buf *out);

/* The best entry for a platform: attestation manifests (unknown/unknown) are never chosen, an entry without
   platform counts as linux/amd64. ERR_NOT_FOUND lists what there is (the first few). */
int index_choose(const Index *x, const Platform *want, const Descriptor **ret, Err *err) must_check;
