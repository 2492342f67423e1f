/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci/platform.h - os/arch[/variant] and the choice of an image from an index.
 *
 * Normalised as containerd does: x86_64 -> amd64, aarch64 -> arm64, armhf -> arm/v7, armel ->
 * arm/v6, arm64/v8 -> arm64, i386 -> 386, arm without variant -> arm/v7.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

typedef struct Platform {
    Str os, arch, variant; /* variant may be "" */
    Str os_version;        /* usually "" */
} Platform;                /* strings live in the arena or are literals */

/*
 * "os/arch[/variant][:os-version]", in any case. One known word alone stands for itself and the
 * host's other half: "arm64", "linux". ERR_USAGE.
 */
int platform_parse(Arena *a, Str text, Platform *ret, Err *err) must_check;
Platform platform_host(void);                           /* where this process runs; literals */
Str platform_format(Arena *a, const Platform *p);       /* "os/arch[/variant]", as given */
bool platform_eq(const Platform *a, const Platform *b); /* whatever the spelling */

/*
 * How well 'have' serves 'want', whatever their spelling: 0 not at all, higher is better. Exact
 * matches win; a lower variant serves a higher one, the nearest first (linux/arm/v7 takes v6, then
 * v5), never the reverse; arm64 takes no arm. An os_version that is wanted must be equal.
 */
unsigned platform_match(const Platform *want, const Platform *have);
