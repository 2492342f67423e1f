/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci/platform.h - os/arch[/variant] and the choice of an image from an index.
 *
 * Normalised as containerd does: x86_64 -> amd64, aarch64 -> arm64, armhf -> arm/v7, armel -> arm/v6,
 * arm64/v8 -> arm64, i386 -> 386, arm without variant -> arm/v7.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

typedef struct Platform {
    Str os, arch, variant; /* variant may be "" */
    Str os_version;        /* usually "" */
} Platform;                /* strings live in the arena or are literals */

int platform_parse(Arena *a, Str text, Platform *ret, Err *err) must_check; /* ERR_USAGE */
Platform platform_host(void); /* where this process runs; literals */
Str platform_format(Arena *a, const Platform *p);
bool platform_eq(const Platform *a, const Platform *b);

/*
 * How well 'have' serves 'want': 0 not at all, higher is better. Exact matches win; linux/arm/v7 also
 * takes v6 and v5 in that order; arm64 takes no arm.
 */
unsigned platform_match(const Platform *want, const Platform *have);
