/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/settings.h - everything that can be said on a command line, as it was said; checked and
 * turned into a BuildRequest by cli/request.c.
 */
#pragma once

#include "base/err.h"
#include "base/vec.h"

typedef struct Settings {
    /* what to build */
    const char *dockerfile;
    const char *context;
    const char *context_sub_path;
    StrVec git; /* key=value */
    const char *bucket;
    const char *target;
    StrVec targets; /* executor's: with commas, too */
    const char *platform;
    StrVec build_args, labels, build_contexts, secrets, ssh;

    /* where it goes */
    StrVec tags;
    StrVec ignored_paths;
    StrVec outputs; /* type=...,dest=... */
    bool push, no_push;
    const char *tar_path, *oci_layout_path;
    const char *digest_file, *name_digest_file, *name_tag_digest_file, *iid_file, *metadata_file;
    StrVec annotations;
    const char *compression, *image_format;
    const char *compression_level;
    const char *push_retry, *pull_retry;
    bool skip_push_check, ignore_immutable;

    /* caches */
    bool cache, no_push_cache, cache_copy_layers, cache_run_layers, explain_cache, dryrun;
    bool cache_mounts;
    const char *cache_mounts_limit;
    const char *cache_repo;
    StrVec cache_from, cache_to;

    /* registries */
    bool insecure, insecure_pull, skip_tls, skip_tls_pull, no_default_fallback;
    StrVec insecure_registries, skip_tls_registries, mirrors, maps, certificates, client_certs;
    StrVec credential_helpers;

    /* base images on a volume */
    const char *cache_dir, *cache_ttl;

    /* of one command each */
    StrVec images;                   /* warm */
    const char *keep_size, *unused;  /* prune; the former also build, executor */
    const char *username, *password; /* login */
    bool password_stdin;
    bool raw, show_config, show_referrers; /* inspect */
    const char *artifact_type;             /* attach */
    bool check;                            /* build */
    bool reproducible;                     /* build, executor */
    const char *call, *format;             /* build, lint */

    /* how */
    const char *isolation, *kiln_dir, *verbosity, *log_format;
    StrVec without_effect; /* options that were given for nothing: a line each */
    bool force, log_timestamp, quiet, help;

    StrVec positional;
    Arena arena;
} Settings;

/* What is on unless it is said otherwise. */
#define SETTINGS_INIT            \
    {                            \
        .cache_run_layers = true \
    }

void settings_done(Settings *s);
