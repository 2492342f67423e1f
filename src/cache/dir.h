/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache/dir.h - the kiln directory: who is in it, and what is where.
 *
 *      KILN_DIR/lock           held shared by whoever works there, exclusively by who makes room
 *      KILN_DIR/store          blobs (store/store.h)
 *      KILN_DIR/cache          entries of the local cache (cache/repo.h)
 *      KILN_DIR/cache-mounts   build/cache_mount.h
 *      KILN_DIR/digests        cache/digests.h
 *      KILN_DIR/roots          sandbox/sandbox.h
 */
#pragma once

#include "store/store.h"

/*
 * To work there: make it if it is not there, and open its store. *ret_lock is to be closed after
 * the store.
 */
int cache_dir_open(const char *kiln_dir, Store **ret, int *ret_lock, Err *err) must_check;

/*
 * To be alone there until *ret_lock is closed. 1; or 0 when somebody works there, unless 'wait':
 * that is called first, and then waited (NULL = do not wait).
 */
int cache_dir_lock_alone(const char *kiln_dir, void (*wait)(const char *kiln_dir), int *ret_lock,
                         Err *err) must_check;
