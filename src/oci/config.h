/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci/config.h - the image configuration: what `docker inspect` shows, plus history and diff ids.
 *
 * Unknown members of a base image's document are kept where they were ('rest'), so that nothing a base says is lost;
 * container, container_config, docker_version, hostname are dropped, as BuildKit drops them.
 * Reads OCI image-spec config.md and Docker's v1.2 extensions (Healthcheck, OnBuild, Shell, ArgsEscaped).
 *
 * Ownership  the arena inside owns every string; done with image_config_done(). Strings put in by callers must be
 *            dup'ed into c->arena.
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
    KeyValueVec env;               /* in order */
    KeyValueVec labels;            /* in order of first appearance; written sorted by key */
    StrVec exposed_ports, volumes; /* a set; written sorted */
    StrVec entrypoint, cmd, shell, on_build;
    bool args_escaped;
    Healthcheck healthcheck;

    VEC(Digest) diff_ids;
    VEC(History) history;

    Json *rest;        /* unknown top-level members, or NULL */
    Json *rest_config; /* unknown members of "config", or NULL */
} ImageConfig;

int image_config_parse(Str json, ImageConfig *ret, Err *err) must_check;
void image_config_format(const ImageConfig *c,
                         Buf *out); /* compact JSON; equal input, equal bytes */
void image_config_copy(const ImageConfig *from, ImageConfig *ret); /* deep */
void image_config_done(ImageConfig *c);
#define cleanup_image_config cleanup_with(image_config_done)

/* Replace in place or append. Key and value are copied. */
void key_values_set(KeyValueVec *v, Arena *a, Str key, Str value);
const KeyValue *key_values_find(const KeyValueVec *v, Str key); /* NULL = absent */
void str_set_add(StrVec *v, Arena *a, Str s);                   /* once */

/* RFC 3339 with nanoseconds trimmed of trailing zeros, as Go writes it: "2026-11-23T06:40:00Z". */
Str time_format_rfc3339(Arena *a, int64_t ns);
