/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci/reference.h - image references: [registry[:port]/]repository[:tag][@digest].
 *
 * Grammar of the distribution project's reference package. Normalisation as docker does it: no
 * registry -> "docker.io", one-part repository there -> "library/...", neither tag nor digest ->
 * tag "latest". "index.docker.io" is the same registry as "docker.io".
 */
#pragma once

#include "oci/digest.h"

typedef struct Reference {
    Str registry;   /* "docker.io", "localhost:5000", "[::1]:5000" */
    Str repository; /* "library/debian" */
    Str tag;        /* "" when only a digest was given */
    Digest digest;  /* unset when none was given */
} Reference;        /* strings live in the arena given to reference_parse() */

/* ERR_USAGE "invalid image reference "X": why". */
int reference_parse(Arena *a, Str text, Reference *ret, Err *err) must_check;

/* "docker.io/library/debian:12@sha256:..." in full. */
Str reference_format(Arena *a, const Reference *r);
/* The way people write it: "debian:12", "localhost:5000/x:latest". */
Str reference_familiar(Arena *a, const Reference *r);
/* The host to talk to: docker.io -> registry-1.docker.io, else the registry itself. */
Str reference_host(const Reference *r);
/* What comes after the last '/' in .../manifests/: the digest when there is one, else the tag. */
Str reference_manifest_key(const Reference *r);
