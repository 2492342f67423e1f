/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci/config.h - the image configuration: what `docker inspect` shows, plus history and diff ids.
 *
 * Unknown members of a base image's document are kept where they were ('rest'), so that nothing a
 * base says is lost; container, container_config, docker_version, hostname are dropped, as BuildKit
 * drops them, and so are Hostname, Domainname and Image of "config": they speak of the container
 * that the base was committed from. Reads OCI image-spec config.md and Docker's v1.2 extensions
 * (Healthcheck, OnBuild, Shell, ArgsEscaped).
 *
 * Ownership  the arena inside owns every string; done with image_config_done(). Strings put in by
 *            callers must be dup'ed into c->arena.
 */
#pragma once

#include "base/vec.h"
#include "codec/json.h"
#include "oci/digest.h"
#include "oci/platform.h"

typedef struct History {
    Str created; /* RFC 3339, "" = absent */
    Str created_by, author, comment;
    bool empty_layer;
} History;

typedef struct Healthcheck {
    bool set;
    StrVec test; /* ["NONE"], ["CMD", ...], ["CMD-SHELL", text] */
    int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns; /* 0 = not written */
    int64_t retries;
} Healthcheck;

typedef struct ImageConfig {
    Arena arena;
    Str created; /* RFC 3339, "" = absent */
    Str author;
    Platform platform;
    StrVec os_features;

    Str user, working_dir, stop_signal;
    KeyValueVec env;               /* in order; value.p NULL = the base has the bare word, no '=' */
    KeyValueVec labels;            /* in order of first appearance; written sorted by key */
    StrVec exposed_ports, volumes; /* sets, sorted: add with str_set_add() */
    StrVec entrypoint, cmd, shell, on_build;
    bool args_escaped;
    Healthcheck healthcheck;

    VEC(Digest) diff_ids;
    VEC(History) history;

    Json *rest;        /* unknown top-level members, or NULL */
    Json *rest_config; /* unknown members of "config", or NULL */
} ImageConfig;

/*
 * ERR_FORMAT; ERR_LIMIT beyond LIMIT_CONFIG or LIMIT_LAYERS; ERR_UNSUPPORTED: a rootfs that is not
 * layers.
 */
int image_config_parse(Str json, ImageConfig *ret, Err *err) must_check;
/*
 * Compact JSON; equal input, equal bytes. Empty members are left out but for architecture, os,
 * config and rootfs.
 */
void image_config_format(const ImageConfig *c, Buf *out);
void image_config_copy(const ImageConfig *from, ImageConfig *ret); /* deep */
void image_config_done(ImageConfig *c);
#define cleanup_image_config cleanup_with(image_config_done)

/* Replace in place (removing later ones of that key) or append. Key and value are copied. */
void key_values_set(KeyValueVec *v, Arena *a, Str key, Str value);
const KeyValue *key_values_find(const KeyValueVec *v, Str key); /* NULL = absent */
/* Once, in its place: v is sorted. */
void str_set_add(StrVec *v, Arena *a, Str s);

/* RFC 3339 with nanoseconds trimmed of trailing zeros, as Go writes it: "2026-11-23T06:40:00Z". */
Str time_format_rfc3339(Arena *a, int64_t ns);
