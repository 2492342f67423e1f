/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/layout.h - images in OCI layouts on disk: find one to build FROM, write one as output.
 */
#pragma once

#include "oci/reference.h"
#include "store/store.h"

/*
 * Choose the manifest in a layout made by anyone.
 *   selector   ""         the only image, whatever its platform, or the only one for 'platform'
 *              a name     org.opencontainers.image.ref.name or io.containerd.image.name: the whole
 *                         of it, or else what follows its last ':'
 *              a digest   any manifest or index among the blobs, listed in index.json or not
 *   ret_json   the manifest's bytes, verified, are appended
 * Follows nested indexes. Where an index states no platforms the configurations are asked.
 * ERR_NOT_FOUND and ERR_USAGE (several fit) list what there is; ERR_LIMIT for nesting without end.
 */
int layout_resolve(Store *s, Str selector, const Platform *platform, Descriptor *ret, Buf *ret_json,
                   Arena *a, Err *err) must_check;

/*
 * Open an existing layout read-only: nothing is created, and every blob is hashed when it is first
 * opened. ERR_USAGE when DIR is not an OCI layout.
 */
int layout_open(const char *dir, Store **ret, Err *err) must_check;
/* Is the directory that was opened no longer the one of that name? */
bool layout_was_replaced(const Store *s);

/*
 * Add or replace the index entry whose ref.name is 'ref_name'; "" = the nameless entry of the same
 * digest. Under the store's lock, atomically; entries of others keep every member they have.
 */
int layout_set(Store *s, const Descriptor *manifest, Str ref_name, Err *err) must_check;

/* A fresh index.json with just this entry: what --oci-layout-path writes. Old blobs stay. */
int layout_reset(Store *s, const Descriptor *manifest, Str ref_name, Err *err) must_check;
