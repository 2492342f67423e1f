/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci/descriptor.h - descriptors, platforms and annotations as pieces of a JSON document, for those
 * who edit a document (store/layout.c) rather than make a whole one.
 */
#pragma once

#include "oci/manifest.h"

#define ANNOTATION_REF_NAME "org.opencontainers.image.ref.name"

int descriptor_parse(Arena *a, const Json *j, Descriptor *ret, Err *err) must_check;
Json *descriptor_to_json(const Descriptor *d); /* owned by caller */

/* The member "annotations" of 'map', if it has one. */
int annotations_parse(Arena *a, const Json *map, Annotation **ret, size_t *ret_n, Err *err)
    must_check;
void annotations_put(Json *map, const Annotation *v, size_t n); /* nothing when n is 0 */
