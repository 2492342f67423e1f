/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci/media.h - the media types kiln reads and writes, and what each means.
 */
#pragma once

#include "base/str.h"
#include "codec/decompress.h"

#define MEDIA_OCI_INDEX         "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_MANIFEST      "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_CONFIG        "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_LAYER         "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_OCI_LAYER_GZIP    "application/vnd.oci.image.layer.v1.tar+gzip"
#define MEDIA_OCI_LAYER_ZSTD    "application/vnd.oci.image.layer.v1.tar+zstd"
#define MEDIA_DOCKER_LIST       "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_MANIFEST   "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_CONFIG     "application/vnd.docker.container.image.v1+json"
#define MEDIA_DOCKER_LAYER      "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define MEDIA_DOCKER_LAYER_TAR  "application/vnd.docker.image.rootfs.diff.tar"
#define MEDIA_DOCKER_LAYER_ZSTD "application/vnd.docker.image.rootfs.diff.tar.zstd"

typedef enum MediaKind {
    MEDIA_KIND_UNKNOWN,
    MEDIA_KIND_INDEX,
    MEDIA_KIND_MANIFEST,
    MEDIA_KIND_CONFIG,
    MEDIA_KIND_LAYER,
    MEDIA_KIND_FOREIGN_LAYER, /* non-distributable: not pushed */
} MediaKind;

/* 'type' may be a Content-Type header's value: parameters and case do not matter. */
MediaKind media_kind(Str type);
bool media_is_docker(Str type);

/* The type of a layer so compressed: plain, gzip or zstd; there are no others (asserted). */
Str media_layer(bool docker, Compression c);

/* The same thing in the other vendor's words; 'type' itself when there is no such word. */
Str media_convert(Str type, bool docker);
