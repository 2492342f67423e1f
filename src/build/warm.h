/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/warm.h - fill the base-image cache, so that builds need not download what they start from.
 *
 * Ownership  the request and everything it points to is borrowed for the time of warm_run().
 */
#pragma once

#include "build/build.h"

typedef struct WarmReport {
    Str name; /* as it was given */
    Platform platform;
    bool failed;
    Err why; /* failed */
    Digest digest;
    WarmOutcome outcome;
} WarmReport;

typedef struct WarmRequest {
    const StrVec *images;
    Dockerfile *dockerfile;        /* the images that its stages name; NULL: none */
    const KeyValueVec *build_args; /* of the Dockerfile */
    const Platform *platform;      /* NULL: this machine's */
    const BasesOpts *bases;
    const RegistryOpts *registry;
    void (*done)(void *ctx, const WarmReport *r); /* in the order of the names */
    void *ctx;
} WarmRequest;

/*
 * Images go side by side, and so do their layers. One that fails is reported and does not stop the
 * others. Returns how many failed of *ret_n; -1 when it did not even begin (ERR_USAGE: there is
 * nothing to do; mistakes of the Dockerfile; a directory that cannot be made).
 */
int warm_run(const WarmRequest *req, size_t *ret_n, Err *err) must_check;
