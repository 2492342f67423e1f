/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/digest_files.h - the files that tell the next job what was built: kaniko's (spec kaniko.md
 * 6.1), docker's --iidfile and buildx's --metadata-file.
 *
 * A path that begins with https:// is uploaded there (PUT, text/plain): such URLs are signed, so
 * messages show no query.
 */
#pragma once

#include "build/build.h"

typedef struct DigestFiles {
    const char *digest;          /* --digest-file: the digest, no newline */
    const char *name_digest;     /* a line REPOSITORY@DIGEST for each destination */
    const char *name_tag_digest; /* a line REPOSITORY:TAG@DIGEST */
    const char *config_digest;   /* --iidfile */
    const char *metadata;        /* buildx's JSON */
    const char *output_dir;      /* BUILDER_OUTPUT: DIR/images, a line of JSON per destination */
} DigestFiles;                   /* NULL = not wanted */

/* Before anything is built: can they be written? */
int digest_files_check(const DigestFiles *f, Err *err) must_check;

/* What is told: some image that was delivered under these names. */
typedef struct Delivered {
    const Reference *tags;
    size_t n_tags;
    const Descriptor *manifest;
    const Digest *config; /* NULL: not known */
    bool pushed;
} Delivered;

int digest_files_write(const DigestFiles *f, const Delivered *d, Err *err) must_check;
