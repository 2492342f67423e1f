/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci/manifest.h - descriptors, image manifests and indexes: JSON <-> values.
 *
 * Reads OCI and Docker schema 2 alike (schema 1 is refused by name); writes the flavour asked for,
 * byte-identical for equal input.
 *
 * Ownership  everything parsed lives in the arena given; formatted text is appended to the caller's
 *            Buf.
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
    Platform platform;       /* as the document spells it */
    Annotation *annotations; /* n_annotations of them, in order */
    size_t n_annotations;
    Str *urls; /* where a foreign layer may be had; usually none */
    size_t n_urls;
    Str artifact_type; /* of an entry that is no image, or "" */
} Descriptor;

/* The value, or "" when there is no such annotation. */
Str descriptor_annotation(const Descriptor *d, const char *key);
/* An index entry that can be an image: a manifest or an index, and no attestation about another. */
bool descriptor_is_image(const Descriptor *d);

typedef struct Manifest {
    Str media_type;
    Descriptor config;
    Descriptor *layers; /* bottom first */
    size_t n_layers;
    Annotation *annotations;
    size_t n_annotations;
    Str artifact_type; /* OCI 1.1: what it is when it is no image, or "" */
    bool has_subject;
    Descriptor subject; /* the manifest that this one is about */
} Manifest;

typedef struct Index {
    Str media_type;
    Descriptor *manifests;
    size_t n_manifests;
    Annotation *annotations;
    size_t n_annotations;
} Index;

/*
 * What the document is: *ret_kind is MEDIA_KIND_MANIFEST or MEDIA_KIND_INDEX. 'media_type' is what
 * the server or descriptor said; "" or anything that is neither = look into the document only.
 * A document that contradicts what was said is refused.
 */
int manifest_kind(Str json, Str media_type, MediaKind *ret_kind, Err *err) must_check;

/* media_type is filled in from the content where the document leaves it out. */
int manifest_parse(Arena *a, Str json, Manifest *ret, Err *err) must_check;
int index_parse(Arena *a, Str json, Index *ret, Err *err) must_check;
void manifest_format(const Manifest *m, Buf *out);
void index_format(const Index *x, Buf *out);

/*
 * The best entry for a platform, the first of equals. Attestations (unknown/unknown) are never
 * chosen; an entry without platform counts as linux/amd64. It may be an index again: look at its
 * media_type. ERR_NOT_FOUND lists what there is (the first few). *ret points into x.
 */
int index_choose(const Index *x, const Platform *want, const Descriptor **ret, Err *err) must_check;
