/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/archive.h - one image as one tar file: docker-archive (docker save / load) and oci-archive.
 */
#pragma once

#include "store/store.h"

/* Streams from the store into a temporary file beside 'dest', then renames ("-" = standard output).
   tags: full references ("docker.io/library/x:latest"), may be none. Spec kaniko.md 6.2: entries 0644, mtime 0, manifest.json
   last. */
int archive_write_docker(Store *s, const Manifest *m, const Str *tags, size_t n_tags,
                         const char *dest, Err *err) must_check;
int archive_write_oci(Store *s, const Descriptor *manifest, Str ref_name, const char *dest,
                      Err *err) must_check;
