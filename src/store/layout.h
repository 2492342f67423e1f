/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/layout.h - images in OCI layouts on disk: find one to build FROM, write one as output.
 */
#pragma once

#include "oci/reference.h"
#include "store/store.h"

/*
 * Choose the manifest in a layout made by anyone: 'selector' is "" (the only image, or the only one of the platform),
 * a tag (org.opencontainers.image.ref.name, whole or after ':'), or a digest. Follows nested indexes.
 * *ret_json is the manifest's bytes, verified.
 */
int layout_resolve(Store *s, Str selector, const Platform *platform, Descriptor *ret, Buf *ret_json,
                   Arena *a, Err *err) must_check;

/* Open an existing layout read-only: nothing is created; ERR_USAGE when DIR is not an OCI layout. */
int layout_open(const char *dir, Store **ret, Err *err) must_check;

/* Add or replace the index entry whose ref.name is 'ref_name' ("" = an entry without name); under the store's lock, atomically. */
int layout_set(Store *s, const Descriptor *manifest, Str ref_name, Err *err) must_check;
/* A fresh index.json with just this entry: what --oci-layout-path writes. */
int layout_reset(Store *s, const Descriptor *manifest, Str ref_name, Err *err) must_check;
