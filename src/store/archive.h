/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/archive.h - one image as one tar file: docker-archive (docker save / load) and oci-archive.
 *
 * Bytes    equal images give equal archives: files 0644, mtime 0, no owner, fixed order.
 * Target   written beside 'dest' and renamed, so that a failure leaves the old file or none; links
 *          are followed. "-" is standard output; pipes, devices and what cannot be replaced are
 *          written to as they are.
 * Errors   the store's and the target's, as "archive DEST: ..."; ERR_NOT_FOUND for a layer that is
 *          not in the store.
 */
#pragma once

#include "store/store.h"

/*
 * tags: full references ("docker.io/library/x:latest"), written as they are; none = the name that
 * kaniko gives an image without destination. manifest.json comes last.
 */
int archive_write_docker(Store *s, const Manifest *m, const Str *tags, size_t n_tags,
                         const char *dest, Err *err) must_check;

/*
 * 'manifest' may describe an index: then everything below it is in the archive. ref_name may be "".
 * Foreign layers that are not in the store are left out.
 */
int archive_write_oci(Store *s, const Descriptor *manifest, Str ref_name, const char *dest,
                      Err *err) must_check;
